/*
 * replay_main.c - runs a fuzz harness over files instead of invented input.
 *
 * Why: every crash ever found and the whole corpus are replayed by every compiler we build
 * with, libFuzzer is there only with clang. Arguments are files or directories of files;
 * each file is handed to the harness once. A missing or unreadable argument is an error, so
 * that a moved corpus does not pass by being empty.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES_MAX  4096
#define INPUT_BYTES_MAX (64L << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int complain(const char *path)
{
    fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    return -1;
}

static int replay_file(const char *path, long size, size_t *count)
{
    uint8_t *data;
    FILE *f;
    size_t got;

    if (size > INPUT_BYTES_MAX) {
        errno = EFBIG;
        return complain(path);
    }
    f = fopen(path, "rb");
    if (!f)
        return complain(path);
    data = malloc(size > 0 ? (size_t)size : 1); /* exact, so that ASan sees every overrun */
    got = data ? fread(data, 1, (size_t)size, f) : 0;
    fclose(f);
    if (!data || got != (size_t)size) {
        free(data);
        return complain(path);
    }
    LLVMFuzzerTestOneInput(data, got);
    free(data);
    ++*count;
    return 0;
}

static int replay_dir(const char *path, size_t *count)
{
    char child[PATH_BYTES_MAX];
    const struct dirent *entry;
    struct stat st;
    int rc = 0;
    DIR *d = opendir(path);

    if (!d)
        return complain(path);
    while (rc == 0 && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) >= (int)sizeof(child)) {
            errno = ENAMETOOLONG;
            rc = complain(path);
        } else if (stat(child, &st) < 0) {
            rc = complain(child);
        } else if (S_ISREG(st.st_mode)) { /* one level: a corpus is flat */
            rc = replay_file(child, st.st_size, count);
        }
    }
    closedir(d);
    return rc;
}

int main(int argc, char **argv)
{
    struct stat st;
    size_t count = 0;
    int rc = 0;

    for (int i = 1; i < argc && rc == 0; i++) {
        if (stat(argv[i], &st) < 0)
            rc = complain(argv[i]);
        else if (S_ISDIR(st.st_mode))
            rc = replay_dir(argv[i], &count);
        else
            rc = replay_file(argv[i], st.st_size, &count);
    }
    printf("replayed %zu inputs\n", count);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
