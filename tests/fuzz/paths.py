"""Names that try to be paths out of a folder: what a name from outside must never reach.

Each is a way that some program was once fooled: encoded once and twice, with a
parameter behind `;`, overlong UTF-8, NUL, backslashes, drives and shares.
"""

_FILE = "etc/passwd"
#: As text, for names in JSON, in archives and in forms.
NAMES: tuple[str, ...] = (
    # Plain.
    "..", ".", "../", "./..", "../x", "../../" + _FILE, "../" * 20 + _FILE, "a/../../x", "a/b/../../../x",
    "./../x", ".././../x", "..//x", "../.", "a/..", "x/./../../y", " ../x", "../x ", "..\t/x",
    "\n../x", "../x\n",
    # Absolute.
    "/", "//", "/" + _FILE, "//" + _FILE, "///" + _FILE, "/./" + _FILE, "~", "~/x", "~root/x",
    "file:///" + _FILE, "/proc/self/environ", "/dev/stdin",
    # Of Windows.
    "..\\", "..\\x", "..\\..\\windows\\win.ini", "a\\..\\..\\x", "../..\\x", "\\", "\\x", "C:",
    "C:\\x", "C:/x",
    "c:..\\x", "\\\\server\\share\\x", "//server/share/x", "\\\\?\\C:\\x", "\\\\.\\pipe\\x", "con",
    "nul.py:x",
    "x::$DATA", "x.py.", "AUX",
    # Encoded: nobody may decode them once more.
    "%2e%2e", "%2e%2e%2fx", "%2e%2e/x", "..%2fx", "..%5cx", "%2e%2e%5cx", "%252e%252e%252fx", "..%252fx",
    "%25252e%25252e%25252fx", "%2F" + _FILE, "%5c%5cserver", "%c0%ae%c0%ae%c0%afx", "..%c0%afx", "..%c1%9cx",
    "%e0%80%ae%e0%80%ae/x", "%uff0e%uff0e%u2215x", "..%00/x", "x%00.py", "..%0d%0a/x", "&#46;&#46;/x",
    # Look-alikes and overlong forms.
    "\uff0e\uff0e/x", "..\u2215x", "..\u2044x", "\u2025/x", "..\xc0\xafx", "\xc0\xae\xc0\xae/x",
    # With a parameter, a query, a fragment.
    "..;/x", "..;a=b/x", ";/../x", "..;", "x;../../y", "../x?y", "../x#y", "..%3b/x", "..%23", "?../x",
    # With something invisible.
    "..\0/x", "x\0.py", "\0", "..\x7f/x", "..\u200b/x", "\u202e../x",
    # Of shells and templates: no path, and no name either.
    "$HOME/x", "${HOME}", "`id`", "$(id)", "x|id", "x;id", "{{7*7}}", "%s%s%n", "-rf", "--help",
    # Of ours.
    ".idlehands/x", ".idlehands", "../.idlehands/key.pem", "....//x", "....\\\\x", "..././x", ".../x",
)  # fmt: skip
#: As bytes in the target of a request, where no library has made them better.
TARGETS: tuple[bytes, ...] = tuple(
    dict.fromkeys(
        form
        for name in NAMES
        for form in (
            name.encode("utf-8", "surrogatepass").translate(None, b" \t\r\n\0"),
            "".join(f"%{byte:02x}" for byte in name.encode("utf-8", "surrogatepass")).encode(),
        )
        if form
    )
)
