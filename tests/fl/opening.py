"""What clients know of a model that the server cannot read whole."""

from gradveil.fl import ClientParties, SealedModel


def opened(plan, keys, client, values, sealed):
    """The server's copy with its encrypted part as a client opens it, whose keys are in a folder."""
    if plan.encryption is None:
        return values
    vector = plan.layout.flatten(values)
    parties = ClientParties.in_folder(keys, client)
    vector[plan.encrypted.mask] = SealedModel.from_bytes(sealed, plan).open(plan, parties)
    return plan.layout.unflatten(vector)
