/** Error numbers of Linux. Source: include/uapi/asm-generic/errno-base.h and errno.h. */
export const Errno = {
  EINTR: 4,
  EAGAIN: 11,
  ENFILE: 23,
  EMFILE: 24,
  EPIPE: 32,
  ECONNRESET: 104,
  ENOBUFS: 105,
  EINPROGRESS: 115,
} as const
