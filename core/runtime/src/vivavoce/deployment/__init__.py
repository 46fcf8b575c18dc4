"""Deployments: a YAML file that says where an agent runs, worked out into what an image needs, and the container's end.

Nothing here knows a place to deploy to: that is what plugins of the kind `deployment_target` are for. They may import
this package, and of the runtime only this one.
"""

from vivavoce.deployment.loading import LoadedDeployment, load_deployment

__all__ = ["LoadedDeployment", "load_deployment"]
