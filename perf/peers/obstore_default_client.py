"""obstore as its first page shows it: an object is one stream, several objects at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore

from perf.peers.hashing import Hashing
from perf.peers.obstore_client import store_of
from perf.peers.work import Item, read_work

_OBJECTS = 10


def main() -> None:
    work = read_work()
    hashing = Hashing(work)
    store = store_of(work.job)

    def move(item: Item) -> None:
        if not work.is_pull:
            obstore.put(store, item.key, Path(item.path))
            return
        with open(item.path, "wb") as file:
            for chunk in obstore.get(store, item.key).stream():
                file.write(chunk)
        hashing.pulled(item)

    with ThreadPoolExecutor(_OBJECTS) as pool:
        list(pool.map(move, work.items))
    hashing.finish()


if __name__ == "__main__":
    main()
