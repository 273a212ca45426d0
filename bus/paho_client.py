"""paho's client without the DNS library that it would load for look-ups of SRV records.

Where dnspython is installed (pymongo brings it), paho imports all of it: 70 ms
and 3.5 MB in every process, for a method that nobody here calls.
"""

import sys

_DNS = "dns.resolver"
_known = sys.modules.get(_DNS)
if _known is None:
    # None makes the import fail, for which paho is prepared. Others may import it later.
    sys.modules[_DNS] = None  # type: ignore[assignment]
try:
    from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
finally:
    if _known is None:
        del sys.modules[_DNS]

__all__ = ["Client", "MQTTMessage", "MQTTMessageInfo"]
