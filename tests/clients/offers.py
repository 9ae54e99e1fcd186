"""What the tests offer to clients."""

from paddock.api.models import ModelCard
from paddock.clients.offer import Offer

SCOUT = ModelCard(
    id="scout",
    title="Scout",
    aliases=["s"],
    context=131_072,
    abilities=["completion", "chat", "tools", "thinking"],
)
SEER = ModelCard(
    id="seer", context=8192, max_output=512, abilities=["completion", "chat", "vision"]
)
OFFER = Offer("http://127.0.0.1:8080", "", (SCOUT, SEER), SCOUT)
