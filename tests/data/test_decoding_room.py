import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from data.decoding_room import DecodingRoom


def test_decoding_room_is_never_exceeded_and_lets_everyone_in() -> None:
    room, held, most, lock = DecodingRoom(100), [0], [0], Lock()

    def hold(wanted: int) -> None:
        with room.taken(wanted):
            with lock:
                held[0] += min(wanted, 100)
                most[0] = max(most[0], held[0])
            time.sleep(0.001)
            with lock:
                held[0] -= min(wanted, 100)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, [30, 500, 60, 1, 99, 100, 45] * 12))
    assert most[0] <= 100
    assert held[0] == 0
