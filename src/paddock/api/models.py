"""Wire types of the models: what a client must know of each before it sends a request."""

import msgspec


class ModelCard(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A profile for those who use it: how much it takes, what it can do, how it samples."""

    id: str
    title: str = ""
    description: str = ""
    aliases: list[str] = []
    hidden: bool = False
    variant_of: str = ""  # the profile whose instance this is another name for
    loaded: bool = False
    context: int | None = None  # tokens of one request, prompt and answer together
    context_trained: int | None = None  # tokens
    max_output: int | None = None  # tokens, where the profile limits them
    # some of `completion`, `chat`, `tools`, `thinking`, `vision`, `embedding`, `rerank`
    abilities: list[str] = []
    samplers: dict[
        str, float
    ] = {}  # the profile's own, in requests' words: `temperature`, `top_p`…
    client_samplers: list[str] | None = None  # those that a request may set, None: all
    architecture: str = ""
    parameters: int = 0
    quantisation: str = ""  # `Q4_K_M`
    size_bytes: int = 0
    modified: str = ""  # when the model's file was last written, ISO 8601


class Catalog(msgspec.Struct, kw_only=True):
    """What can be asked for, in the order of models.conf."""

    models: list[ModelCard]
