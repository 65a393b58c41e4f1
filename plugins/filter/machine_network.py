"""Filter for the names and addresses of a systemd-nspawn machine."""

import hashlib
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network


def machine_network(directory: str) -> dict[str, str]:
    """Return the `machine` name, `network`, `gateway` and `address` of the machine in a folder.

    They follow from the folder's path, so no state has to be kept. The network is one of half a
    million /30 networks in 10.192.0.0/11.
    """
    digest = hashlib.sha1(directory.encode(), usedforsecurity=False).hexdigest()
    pool = IPv4Network("10.192.0.0/11")
    offset = int(digest[8:14], 16) % pool.num_addresses // 4 * 4
    network = IPv4Address(int(pool.network_address) + offset)
    return {
        # With its prefix "ve-", the name of a network interface has at most 15 characters.
        "machine": f"lab-{digest[:8]}",
        "network": str(network),
        "gateway": str(network + 1),
        "address": str(network + 2),
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"machine_network": machine_network}
