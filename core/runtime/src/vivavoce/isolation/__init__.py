"""Engines in worker processes, and in virtual environments of their own, behind the same contract.

`load_isolated` gives an engine like any other. Behind it stand an `environment` by its `recipe`, and a `pool` of
`worker`s that are started again when they die: each a `process` and a `link` to it, over which `sessions` make `call`s.
The worker's side, and the protocol, are `vivavoce_api.worker`.
"""

from vivavoce.isolation.loading import load_isolated, prepare_isolated
from vivavoce.isolation.patience import Patience

__all__ = ["Patience", "load_isolated", "prepare_isolated"]
