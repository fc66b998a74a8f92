import type { Conversation } from './transcripts.ts'

const FORMAT = 'CLIENT_ERROR bad command line format\r\n'
const TOO_LARGE = 'SERVER_ERROR object too large for cache\r\n'
const KEY = 'k'.repeat(250)
const SIZES = [0, 1, 16383, 16384, 16385, 65536, 100000]

export const metaConversations: readonly Conversation[] = [
  {
    name: 'meta: flags in order, quiet misses, base64 keys',
    send:
      'ms a 2 F5 c k O1\r\nhi\r\nmg a v s f c k Oxyz\r\nmg b q\r\nmg b k O2\r\nmg a q\r\nmn\r\n' +
      'ms Zm9v 2 b k s\r\nho\r\nmg foo k v\r\nme foo\r\nmd a q\r\nmd a k O3\r\nma n N0 J7 v k\r\n' +
      'ma n D3 v t O4\r\nma n MD D100 v\r\n',
    expected:
      'HD c2 ka O1\r\nVA 2 s2 f5 c2 ka Oxyz\r\nhi\r\nEN kb O2\r\nHD\r\nMN\r\n' +
      'HD kZm9v b s2\r\nVA 2 kZm9v b\r\nho\r\n' +
      'ME Zm9v exp=-1 la=0 cas=3 fetch=yes cls=1 size=64\r\nNF ka O3\r\nVA 1 kn\r\n7\r\n' +
      'VA 2 t-1 O4\r\n10\r\nVA 1\r\n0\r\n',
  },
  {
    name: 'meta: leases',
    send:
      'mg a N30 c t v\r\nmg a v\r\nms a 1 C2 T60\r\nx\r\nmg a R100 t v\r\nmg a R100\r\nmd a I T20\r\n' +
      'mg a v t c\r\nmg a\r\nms a 1 C3 I\r\ny\r\nmg a v t\r\nms a 1 T60 c\r\nz\r\nmg a v t\r\nmd a x E99\r\n' +
      'mg a c s\r\n',
    expected:
      'VA 0 c2 t30 W\r\n\r\nVA 0 Z\r\n\r\nHD\r\nVA 1 t60 W\r\nx\r\nHD Z\r\nHD\r\n' +
      'VA 1 t20 c4 X W\r\nx\r\nHD Z X\r\nHD\r\nVA 1 t20 Z X\r\ny\r\nHD c6\r\nVA 1 t60\r\nz\r\nHD\r\n' +
      'HD c99 s0\r\n',
  },
  {
    name: 'meta: errors, and what they swallow',
    send:
      'mg a z\r\nms a 4 z\r\nmn\r\n\r\nms a 4 ~\r\nmn\r\n\r\nms a 2 q\r\nabcdms a x\r\nmg a b\r\n' +
      `mg a O${'o'.repeat(32)}\r\nms ${KEY}k 2\r\nhi\r\nma a\r\nmn\r\n`,
    expected:
      'CLIENT_ERROR invalid flag\r\nCLIENT_ERROR invalid flag\r\n' +
      `${FORMAT}MN\r\n${FORMAT}CLIENT_ERROR bad data chunk\r\n${FORMAT}` +
      'CLIENT_ERROR error decoding key\r\nCLIENT_ERROR opaque token too long\r\n' +
      `${FORMAT}NF\r\nMN\r\n`,
  },
  {
    name: 'meta: values around where they are staged and where segments end',
    send: SIZES.map(
      size =>
        `ms v${size} ${size} c k Osome s F1\r\n${'v'.repeat(size)}\r\nmg v${size} v k s f Oother\r\n`,
    ).join(''),
    expected: SIZES.map(
      (size, at) =>
        `HD c${at + 2} kv${size} Osome s${size}\r\n` +
        `VA ${size} kv${size} s${size} f1 Oother\r\n${'v'.repeat(size)}\r\n`,
    ).join(''),
  },
  {
    name: 'meta: the largest answer that leaves in one piece',
    send:
      `ms ${KEY} 16384 F4294967295 q\r\n${'v'.repeat(16384)}\r\n` +
      `mg ${KEY} v k s f t l h O${'o'.repeat(31)}\r\n`.repeat(9),
    expected:
      `VA 16384 k${KEY} s16384 f4294967295 t-1 l0 h0 O${'o'.repeat(31)}\r\n${'v'.repeat(16384)}\r\n` +
      `VA 16384 k${KEY} s16384 f4294967295 t-1 l0 h1 O${'o'.repeat(31)}\r\n${'v'.repeat(16384)}\r\n`.repeat(
        8,
      ),
  },
  {
    name: 'meta: appending to what is large, and making what is not there',
    send:
      `ms a 20000 MA N0 s\r\n${'a'.repeat(20000)}\r\nms a 20000 MP N0 s\r\n${'b'.repeat(20000)}\r\n` +
      'ms a 2 MA C1\r\nxx\r\nms a 2 MA C3 s c\r\nxx\r\nmg a s\r\nmg a v\r\n',
    expected:
      'HD s20000\r\nHD s40000\r\nEX\r\nHD s40002 c4\r\nHD s40002\r\n' +
      `VA 40002\r\n${'b'.repeat(20000)}${'a'.repeat(20000)}xx\r\n`,
  },
  {
    name: 'meta: what is too large removes the old value in every mode',
    send:
      `ms a 1\r\n1\r\nms a 1048577 ME q\r\n${'x'.repeat(1048577)}\r\nmg a k\r\n` +
      `ms a 1\r\n1\r\nms a 1048577 MA\r\n${'x'.repeat(1048577)}\r\nmg a k\r\n`,
    expected: `HD\r\n${TOO_LARGE}EN ka\r\nHD\r\n${TOO_LARGE}EN ka\r\n`,
  },
]
