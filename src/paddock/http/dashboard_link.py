"""A link to the dashboard in llama-server's own web page, where that is as we know it (build 11434). Pure.

The page has a narrow column of icons at its left; the link lies at the column's foot, and on a phone, which has no
column, in the free corner at the top. It is part of no other element; `rel` and `data-sveltekit-reload` keep
the page's own program from looking for our address among its own.
"""

import gzip
import hashlib

import msgspec

from paddock.engine.web_page import INDEX, Page

_END = b"</body>"
_LINK = b"""<style>
#paddock-dashboard { position: fixed; left: 14px; bottom: 12px; width: 40px; height: 40px; z-index: 49; border-radius: 8px;
  display: grid; place-items: center; opacity: .75 }
#paddock-dashboard:hover, #paddock-dashboard:focus-visible { opacity: 1; background: #8883 }
@media (max-width: 768px) { #paddock-dashboard { left: auto; right: 12px; bottom: auto; top: 12px } }
</style>
<a id="paddock-dashboard" href="/dashboard" rel="external" data-sveltekit-reload title="Paddock's dashboard" aria-label="Paddock's dashboard"
><img src="/dashboard/files/icon.svg" width="20" height="20" alt=""></a>
"""


def linked(page: Page) -> Page:
    """The page with the link; the same where its first file has no end that we know."""
    index = page.get(INDEX)
    content = index.plain() if index else b""
    before, end, after = content.rpartition(_END)
    if index is None or not end:
        return page
    changed = gzip.compress(before + _LINK + end + after, mtime=0)
    mark = f'"{hashlib.sha256(changed).hexdigest()}"'
    headers = {**index.headers, "Content-Encoding": "gzip", "ETag": mark}
    return {**page, INDEX: msgspec.structs.replace(index, body=changed, headers=headers)}
