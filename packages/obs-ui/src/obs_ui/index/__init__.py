"""The index: what lists and filters of executions are answered from. It can be deleted and is made again."""

from obs_ui.index.database import IndexError_, connect, default_address
from obs_ui.index.following import Follower
from obs_ui.index.queries import Listing, Wanted, find, list_executions

__all__ = ["Follower", "IndexError_", "Listing", "Wanted", "connect", "default_address", "find", "list_executions"]
