"""The index: what lists and filters of executions are answered from. It can be deleted and is made again."""

from obs_ui.index.database import IndexError_, address_of, connect, default_address
from obs_ui.index.indexing import Indexer
from obs_ui.index.queries import ListPage, ListQuery, find, list_executions

__all__ = [
    "IndexError_",
    "Indexer",
    "ListPage",
    "ListQuery",
    "address_of",
    "connect",
    "default_address",
    "find",
    "list_executions",
]
