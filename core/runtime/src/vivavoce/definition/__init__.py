"""An agent's YAML: read, filled in from the environment, and checked against the installed plugins."""

from vivavoce.definition.agent import AgentDefinition, Limits, Turn
from vivavoce.definition.choice import Choice, MissingPlugin
from vivavoce.definition.loading import AgentReport, check_agent, load_agent
from vivavoce.definition.problem import Problem
from vivavoce.definition.schema import agent_schema

__all__ = [
    "AgentDefinition",
    "AgentReport",
    "Choice",
    "Limits",
    "MissingPlugin",
    "Problem",
    "Turn",
    "agent_schema",
    "check_agent",
    "load_agent",
]
