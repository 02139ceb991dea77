/* A disk that fails: for LD_PRELOAD. Counts every call that writes below one folder, and lets the k-th one go wrong;
 * or records them all, so that a power cut can be played at any of them. Nothing happens until it is armed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum mode { COUNT, KILL, TORN, EIO_ONCE, EIO_ALWAYS, FULL_ONCE, FULL_ALWAYS };
enum kind { WRITES, GROWS, OTHER };

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char below[PATH_MAX];
static size_t length;
static long count, at;
static enum mode mode;
static int struck, record = -1;

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

/* Armed by the program itself, by its own choice of folder. */
void fire_arm(const char *folder, long k, int how) {
  snprintf(below, sizeof below, "%s/", folder);
  length = strlen(below);
  count = 0, at = k, mode = how, struck = 0;
}
void fire_record(int fd) { record = fd; }
long fire_count(void) { return count; }
int fire_struck(void) { return struck; }

static int is_below(const char *path) { return length && path && strncmp(path, below, length) == 0; }

static int below_fd(int fd, char *path) {
  char link[64];
  if (!length) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, PATH_MAX - 1);
  if (n < 0) return 0;
  path[n] = 0;
  /* What SQLite keeps in the shared file is made anew by every process. */
  return (is_below(path) || strncmp(path, below, length - 1) == 0) && !strstr(path, "-shm");
}

static void put(const void *bytes, size_t n) {
  REAL(write);
  const char *from = bytes;
  while (n) { ssize_t m = real(record, from, n); if (m <= 0) _exit(99); from += m, n -= m; }
}
/* op, two names, an offset and bytes, each with its length before it. */
static void note(char op, const char *one, const char *two, uint64_t offset, const void *bytes, uint32_t n) {
  if (record < 0) return;
  uint32_t first = strlen(one), second = strlen(two);
  put(&op, 1), put(&first, 4), put(one, first), put(&second, 4), put(two, second);
  put(&offset, 8), put(&n, 4), put(bytes, n);
}
void fire_note(const char *text) {
  pthread_mutex_lock(&turn);
  note('A', text, "", 0, "", 0);
  pthread_mutex_unlock(&turn);
}

/* Called in turn. 0: go on; 1: fail, errno is set; 2: do half of it, then die; 3: do half of it, then fail. */
static int fate(enum kind kind) {
  count++;
  if (!at || count < at) return 0;
  switch (mode) {
    case COUNT: return 0;
    case KILL: kill(getpid(), SIGKILL);
    case TORN: if (kind == WRITES) return 2; kill(getpid(), SIGKILL);
    case EIO_ONCE: if (struck) return 0; struck = 1; errno = EIO; return kind == WRITES ? 3 : 1;
    case EIO_ALWAYS: struck = 1; errno = EIO; return 1;
    case FULL_ONCE: if (struck || kind == OTHER) return 0; struck = 1; errno = ENOSPC; return kind == WRITES ? 3 : 1;
    case FULL_ALWAYS: if (kind == OTHER) return 0; struck = 1; errno = ENOSPC; return 1;
  }
  return 0;
}

#define WRITING(name, call, where, ...)                                                                      \
  ssize_t name(int fd, const void *bytes, size_t n, ##__VA_ARGS__) {                                         \
    REAL(name);                                                                                              \
    char path[PATH_MAX];                                                                                     \
    if (!below_fd(fd, path)) return call(n);                                                                 \
    pthread_mutex_lock(&turn);                                                                               \
    uint64_t offset = where;                                                                                 \
    int what = fate(WRITES), wrong = errno;                                                                  \
    ssize_t done = what == 0 ? call(n) : what == 1 ? -1 : call(n / 2);                                       \
    if (done > 0) note('W', path, "", offset, bytes, done);                                                  \
    if (what == 2) kill(getpid(), SIGKILL);                                                                  \
    pthread_mutex_unlock(&turn);                                                                             \
    if (what) { errno = wrong; return -1; }                                                                  \
    return done;                                                                                             \
  }
#define PLAIN(k) real(fd, bytes, k)
#define PLACED(k) real(fd, bytes, k, offset_)
WRITING(write, PLAIN, lseek(fd, 0, SEEK_CUR))
WRITING(pwrite, PLACED, offset_, off_t offset_)
WRITING(pwrite64, PLACED, offset_, off64_t offset_)

/* Everything else is done whole or not at all. */
#define TURN(kind, does, op, one, two, size)                                                                 \
  pthread_mutex_lock(&turn);                                                                                 \
  int what = fate(kind), wrong = errno;                                                                      \
  int done = what ? -1 : (does);                                                                             \
  if (!what) wrong = errno;                                                                                  \
  if (done >= 0) note(op, one, two, size, "", 0);                                                            \
  pthread_mutex_unlock(&turn);                                                                               \
  errno = wrong;                                                                                             \
  return done

#define SYNCING(name)                                                                                        \
  int name(int fd) {                                                                                         \
    REAL(name);                                                                                              \
    char path[PATH_MAX];                                                                                     \
    if (!below_fd(fd, path)) return real(fd);                                                                \
    TURN(OTHER, real(fd), 'S', path, "", 0);                                                                 \
  }
SYNCING(fsync)
SYNCING(fdatasync)

#define CUTTING(name, type)                                                                                  \
  int name(int fd, type size) {                                                                              \
    REAL(name);                                                                                              \
    char path[PATH_MAX];                                                                                     \
    if (!below_fd(fd, path)) return real(fd, size);                                                          \
    TURN(GROWS, real(fd, size), 'T', path, "", size);                                                        \
  }
CUTTING(ftruncate, off_t)
CUTTING(ftruncate64, off64_t)

int rename(const char *from, const char *to) {
  REAL(rename);
  if (!is_below(to)) return real(from, to);
  TURN(GROWS, real(from, to), 'R', from, to, 0);
}
int link(const char *from, const char *to) {
  REAL(link);
  if (!is_below(to)) return real(from, to);
  TURN(GROWS, real(from, to), 'L', from, to, 0);
}
int unlink(const char *path) {
  REAL(unlink);
  if (!is_below(path) || strstr(path, "-shm")) return real(path);
  TURN(OTHER, real(path), 'U', path, "", 0);
}
int mkdir(const char *path, mode_t rights) {
  REAL(mkdir);
  if (!is_below(path)) return real(path, rights);
  TURN(GROWS, real(path, rights), 'M', path, "", 0);
}

#define OPENING(name)                                                                                        \
  int name(const char *path, int flags, ...) {                                                               \
    REAL(name);                                                                                              \
    va_list more;                                                                                            \
    va_start(more, flags);                                                                                   \
    mode_t rights = va_arg(more, mode_t);                                                                    \
    va_end(more);                                                                                            \
    int makes = (flags & O_CREAT) && access(path, F_OK) != 0;                                                \
    if (!is_below(path) || strstr(path, "-shm") || !(makes || (flags & O_TRUNC))) return real(path, flags, rights); \
    TURN(GROWS, real(path, flags, rights), makes ? 'C' : 'T', path, "", 0);                                  \
  }
OPENING(open)
OPENING(open64)
