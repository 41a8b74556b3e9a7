/*
 * A clock that can be set for some processes, as an administrator or NTP sets a machine's: LD_PRELOAD it.
 *
 * SOAK_CLOCK names a file of a number of steps, and for each the true time from which it holds and how far the clock is off
 * from then on, in nanoseconds, all as 64 bits. What was stamped before a step keeps its stamp, as on a machine whose clock is
 * set: that is what libfaketime can't do, which moves all stamps with the clock. CLOCK_MONOTONIC and CLOCK_BOOTTIME go on.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#define SECOND 1000000000LL

struct step {
    int64_t since, offset;
};
struct steps {
    volatile int64_t count;
    struct step step[4095];
};

static const struct steps *steps;

__attribute__((constructor)) static void open_steps(void)
{
    const char *path = getenv("SOAK_CLOCK");
    int file = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct steps), PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        steps = mapped;
    close(file);
}

static int64_t count(void)
{
    return steps ? __atomic_load_n(&steps->count, __ATOMIC_ACQUIRE) : 0;
}

/* What the clock showed at a true time. */
static int64_t shown(int64_t true_time)
{
    for (int64_t i = count() - 1; i >= 0; i--)
        if (steps->step[i].since <= true_time)
            return true_time + steps->step[i].offset;
    return true_time;
}

/* The last true time at which the clock showed that, or the step that left it out. */
static int64_t when_shown(int64_t time)
{
    int64_t end = INT64_MAX;
    for (int64_t i = count() - 1; i >= 0; i--) {
        int64_t since = steps->step[i].since, at = time - steps->step[i].offset;
        if (since <= at && at < end)
            return at;
        if (at < since && since <= time - (i ? steps->step[i - 1].offset : 0))
            return since;
        end = since;
    }
    return time;
}

static int64_t number(const struct timespec *time)
{
    return time->tv_sec * SECOND + time->tv_nsec;
}

static void set(struct timespec *time, int64_t number)
{
    time->tv_sec = number / SECOND;
    time->tv_nsec = number % SECOND;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int failed = syscall(SYS_clock_gettime, clock, time);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        set(time, shown(number(time)));
    return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *place)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (place)
        *place = now.tv_sec;
    return now.tv_sec;
}

static int stamped(int failed, struct stat *status)
{
    if (!failed) {
        set(&status->st_atim, shown(number(&status->st_atim)));
        set(&status->st_mtim, shown(number(&status->st_mtim)));
        set(&status->st_ctim, shown(number(&status->st_ctim)));
    }
    return failed;
}

int fstatat(int folder, const char *restrict path, struct stat *restrict status, int flags)
{
    return stamped(syscall(SYS_newfstatat, folder, path, status, flags), status);
}

int stat(const char *restrict path, struct stat *restrict status)
{
    return fstatat(AT_FDCWD, path, status, 0);
}

int lstat(const char *restrict path, struct stat *restrict status)
{
    return fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int fstat(int file, struct stat *status)
{
    return stamped(syscall(SYS_fstat, file, status), status);
}

/* On 64 bits they are the same. */
int fstatat64(int, const char *restrict, struct stat64 *restrict, int) __attribute__((alias("fstatat")));
int stat64(const char *restrict, struct stat64 *restrict) __attribute__((alias("stat")));
int lstat64(const char *restrict, struct stat64 *restrict) __attribute__((alias("lstat")));
int fstat64(int, struct stat64 *) __attribute__((alias("fstat")));

static void stamp(struct statx_timestamp *time)
{
    int64_t number = shown(time->tv_sec * SECOND + time->tv_nsec);
    time->tv_sec = number / SECOND;
    time->tv_nsec = number % SECOND;
}

int statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict status)
{
    int failed = syscall(SYS_statx, folder, path, flags, mask, status);
    if (!failed) {
        stamp(&status->stx_atime);
        stamp(&status->stx_btime);
        stamp(&status->stx_ctime);
        stamp(&status->stx_mtime);
    }
    return failed;
}

static int set_times(int folder, const char *path, const struct timespec *times, int flags)
{
    struct timespec true_times[2];
    for (int i = 0; times && i < 2; i++) {
        true_times[i] = times[i];
        if (times[i].tv_nsec != UTIME_NOW && times[i].tv_nsec != UTIME_OMIT)
            set(&true_times[i], when_shown(number(&times[i])));
    }
    return syscall(SYS_utimensat, folder, path, times ? true_times : NULL, flags);
}

int utimensat(int folder, const char *path, const struct timespec times[2], int flags)
{
    return set_times(folder, path, times, flags);
}

int futimens(int file, const struct timespec times[2])
{
    return set_times(file, NULL, times, 0);
}

static int utimevals(int folder, const char *path, const struct timeval times[2], int flags)
{
    struct timespec exact[2];
    for (int i = 0; times && i < 2; i++)
        exact[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
    return set_times(folder, path, times ? exact : NULL, flags);
}

int utimes(const char *path, const struct timeval times[2])
{
    return utimevals(AT_FDCWD, path, times, 0);
}

int lutimes(const char *path, const struct timeval times[2])
{
    return utimevals(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

int futimes(int file, const struct timeval times[2])
{
    return utimevals(file, NULL, times, 0);
}

int utime(const char *path, const struct utimbuf *times)
{
    struct timeval exact[2];
    if (times) {
        exact[0] = (struct timeval){times->actime, 0};
        exact[1] = (struct timeval){times->modtime, 0};
    }
    return utimes(path, times ? exact : NULL);
}
