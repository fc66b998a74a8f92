// What a router answers otherwise than a node, and why: by the title of a suite, then by the name
// of a transcript; or for all of a suite. Everything else holds through a router in front of three
// nodes, and in front of three of Debian's memcacheds.

const OF_A_NODE = 'a router holds nothing: what operators set and watch is told to the nodes'
const SLOW = 'takes seconds: 900,000 requests, all to one node'

export const routerDifferences: Readonly<
  Record<string, string | Readonly<Record<string, string>>>
> = {
  administration: { 'cache_memlimit down and up, and what is no limit': OF_A_NODE },
  'line length': { 'get and gets of 200000 bytes': SLOW },
  'lru_crawler, lru, slabs': OF_A_NODE,
  'statistics that are words': 'nodes tell their own, a router sums them up (test/e2e)',
  'stats sizes_enable, sizes_disable': OF_A_NODE,
  'without dumps (-X)': OF_A_NODE,
  'watch, refused (-W)': OF_A_NODE,
  'watch, refused': OF_A_NODE,
  'without cas uniques (-C)': 'a router does not know what its nodes have room for without them',
  'without flush_all (-F)': 'a flag of nodes; the router says what they say (test/unit/router)',
  'cas uniques of a server that has just started': 'every node counts its own',
}
