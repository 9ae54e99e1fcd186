"""What a GPU's driver keeps for itself, which no program holds. Pure."""

# At most, on an idle card: 480 and 615 MiB on an H100 and an H200.
DRIVER_MIB = 640


def is_drivers_own(foreign_mib: float, names: list[str]) -> bool:
    """Whether so many MiB, of which nobody is known to hold any, are the driver's own."""
    return not names and foreign_mib <= DRIVER_MIB
