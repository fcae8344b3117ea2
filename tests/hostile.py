"""Names and values that would run, fetch or disfigure something if any page took them for more than text."""

MARK = "hacked"
RUN = f"window.{MARK}=1"
TEXTS = (
    f'<img src=x onerror="{RUN}">',
    f"</script><script>{RUN}</script>",
    f"</textarea><svg onload='{RUN}'>",
    f"<b onmouseover={RUN}>bold</b><br>",
    f"<a href='javascript:{RUN}'>link</a>",
    "![image](https://outside.example/pixel.png)",
    f"[click](javascript:{RUN})",
    "www.outside.example and https://outside.example",
    ":red[x] $x$ :material/home: :red-badge[y] **z** `c`",
    "%{x} %{customdata[0]} {{constructor}} ${x}",
    '=HYPERLINK("https://outside.example")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "“quotes” 'and' \"more\" \\ back` tick",
    "two\nlines\tand a tab",
    "\u202eright to left\u202c مرحبا שלום",
    "🔥 emoji 👩\u200d🚀",
    "long " + "n" * 295,
)
"""Each differs from the others in its first twelve letters."""
