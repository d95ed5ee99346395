#ifndef HTML_H
#define HTML_H
/* HTML as text. Pages are UTF-8 (charset.h makes them so); nothing is fetched. */

#include "base/bytes.h"

/* Appends all visible text, the title first, a newline last. */
int html_text(const char *data, size_t n_bytes, struct bytes *text, struct error *err) MUST_CHECK;

/* What a page is about, and what it says about itself; what it does not say is empty. */
struct html_page {
    struct bytes text; /* the title, then the text without menus, banners, foot and side */
    struct bytes title, canonical, description, language;
    struct bytes links; /* addresses in the text, a line each, absolute where the page says of what
                         * it is a part */
};

/* [page] is empty before, and is to be freed whatever comes back. [address]: where it was found,
 * NULL: not known. */
int html_page_read(struct html_page *page, const char *data, size_t n_bytes, const char *address,
                   struct error *err) MUST_CHECK;
void html_page_deinit(struct html_page *page);

#endif
