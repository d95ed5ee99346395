#include "curl_library.h"

#ifdef HAVE_LIBCURL

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The ABI, whose number is 4 since 2006, and its names: Debian's build with GnuTLS has its own. */
#ifdef __APPLE__
static const char *const files[] = {"libcurl.4.dylib"};
#else
static const char *const files[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
#endif

#define FUNCTION(name)                                                                             \
    {                                                                                              \
        "curl_" #name, offsetof(struct curl_library, name)                                         \
    }

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
    FUNCTION(global_init),    FUNCTION(easy_init),     FUNCTION(easy_cleanup),
    FUNCTION(easy_reset),     FUNCTION(easy_setopt),   FUNCTION(easy_perform),
    FUNCTION(easy_getinfo),   FUNCTION(easy_strerror), FUNCTION(slist_append),
    FUNCTION(slist_free_all),
};

static int load(struct curl_library *library, struct error *err)
{
    char why[200] = "";
    void *handle = NULL;
    for (size_t i = 0; i < sizeof files / sizeof files[0] && !handle; i++) {
        handle = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
        if (!handle && !why[0]) {
            const char *said = dlerror();
            strncat(why, said ? said : files[i], sizeof why - 1);
        }
    }
    if (!handle)
        return fail(err, ERROR_UNSUPPORTED,
                    "libcurl cannot be loaded: %s (on Debian and Ubuntu, the package libcurl4 has "
                    "it)",
                    why);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *function = dlsym(handle, functions[i].name);
        if (!function)
            return fail(err, ERROR_UNSUPPORTED, "this libcurl is too old: it has no %s",
                        functions[i].name);
        memcpy((char *)library + functions[i].offset, &function, sizeof function);
    }
    if (library->global_init(CURL_GLOBAL_DEFAULT) != 0)
        return fail(err, ERROR_UNSUPPORTED, "libcurl cannot be initialised");
    return 0;
}

const struct curl_library *curl_library(struct error *err)
{
    static struct curl_library library;
    static bool loaded;
    loaded = loaded || load(&library, err) == 0;
    return loaded ? &library : NULL;
}

#endif
