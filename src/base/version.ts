/** memring's own version; clients are told the compatible memcached's (server/options.ts). */
export const VERSION = '0.1.0'
