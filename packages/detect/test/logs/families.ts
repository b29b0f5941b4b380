// Lines invented in the styles of many programs, each with the group it is meant to be in. None is copied from a data set.

export interface Family {
  readonly name: string;
  readonly lines: readonly { readonly group: string; readonly line: string }[];
}

const read = (text: string): Family["lines"] =>
  text
    .trim()
    .split("\n")
    .map((row) => ({ group: row.slice(0, row.indexOf("|")), line: row.slice(row.indexOf("|") + 1) }));

export const families: readonly Family[] = [
  {
    name: "remote shell",
    lines: read(`
a|Rejected passphrase for root from 10.1.2.3 port 50210 proto2
a|Rejected passphrase for deploy from 10.1.2.9 port 50211 proto2
a|Rejected passphrase for oracle from 10.1.2.9 port 50211 proto2
b|Rejected passphrase for unlisted user guest1 from 10.1.2.9 port 22 proto2
b|Rejected passphrase for unlisted user pi from 10.1.2.9 port 22 proto2
c|Unlisted user pi from 10.2.3.4
c|Unlisted user 0101 from 10.2.3.4
c|Unlisted user support from 10.2.3.4
d|auth(shell:login): login failure; name= uid=0 tty=shell peer=10.2.3.4
d|auth(shell:login): login failure; name= uid=0 tty=shell peer=abc-def.example.com
e|auth(shell:login): login failure; name= uid=0 tty=shell peer=10.2.3.4  user=root
e|auth(shell:login): login failure; name= uid=0 tty=shell peer=abc.example.com  user=ftp
f|name check for ns.example.com [10.2.3.4] did not match - SUSPICIOUS PEER!
f|name check for 10-2-3-4.rev.example.net [10.2.3.5] did not match - SUSPICIOUS PEER!
f|name check for customer.invalid [10.2.3.5] did not match - SUSPICIOUS PEER!
g|Peer 10.2.3.4 hung up: 11: Goodbye [early]
g|Peer 10.2.3.5 hung up: 11: Goodbye [early]
h|Hanging up: too many failed attempts for admin [early]
h|Hanging up: too many failed attempts for git [early]
`),
  },
  {
    name: "batch cluster",
    lines: read(`
a|task_1440_0001_m_000003 moved from FRESH to QUEUED
a|task_1440_0001_m_000004 moved from FRESH to QUEUED
b|task_1440_0001_m_000004 moved from QUEUED to RUNNING
c|Share done by try_1440_0001_m_000003_0 is : 0.2378
c|Share done by try_1440_0001_m_000008_0 is : 0.0
d|Binding class org.example.v2.history.EventType to class org.example.v2.history.Handler
d|Binding class org.example.v2.app.JobEvent to class org.example.v2.app.Main$Dispatcher
e|Asking server again: srv-41:9000. Asked 0 time(s) so far; policy is FixedSleep(most=10, pause=1000 MS)
e|Asking server again: srv-41/10.1.1.1:9000. Asked 4 time(s) so far; policy is FixedSleep(most=10, pause=1000 MS)
f|Looked up srv-41.example.com as /default/rack
f|Looked up srvxx.example.com as /default/rack
g|New plan, room=<memory:0, cores:-27>
g|New plan, room=<memory:1024, cores:0>
h|Lease for [Client_NONBATCH_1537864556_1] not renewed in 51 seconds.  Trying again ...
h|Lease for [Client_NONBATCH_1537864556_1] not renewed in 90 seconds.  Trying again ...
i|Handling event EventType: START_CONTAINER_REMOTE for container container_1440_01_000002
i|Handling event EventType: STOP_CONTAINER_REMOTE for container container_1440_01_000003
j|Stopping try_1440_0001_m_000003_0
`),
  },
  {
    name: "data flow",
    lines: read(`
a|Service 'blockTransfer' listens on port 55904.
a|Service 'org.example.net.TransferService' listens on port 40984.
b|Store opened with room 17.7 GB
b|Store opened with room 512.0 MB
c|Doing task 1.0 of stage 0.0 (ID 12)
c|Doing task 3.0 of stage 0.0 (ID 14)
d|Block piece_9 kept as values in memory (size 8.8 KB, left 295.5 KB)
d|Block piece_9 kept as values in memory (size 8.8 KB, left 1.1 MB)
d|Block piece_4 kept as values in memory (size 384.0 B, left 317.5 KB)
e|Block piece_4 kept as bytes in memory (size 5.2 KB, left 317.5 KB)
f|job.map.id is deprecated. Instead, use flow.map.id
f|job.task.id is deprecated. Instead, use flow.task.id
g|Found block set_42_24 on this machine
h|Reading flow://10.10.34.11:9000/logs/part.log:14898+7450
`),
  },
  {
    name: "component servicing",
    lines: read(`
a|Loaded stack v6.1.7601.23505 with core: C:\\Example\\store\\core.dll
a|Loaded stack v6.1.7601.17592 with core: D:\\Example\\store\\other\\core.dll
b|Session: 30546173_4261722401 was opened by client UpdateAgent.
b|Session: 30546173_4261722401 was opened by client SPP.
c|Could not open the package at all. [RESULT = 0x800f0805 - INVALID_PACKAGE]
c|Could not open the package at all. [RESULT = 0x800f0800 - OTHER_PACKAGE]
d|00000004@2026/9/27:20:30:31.455 Setup (setup.dll version 0.0.0.6) called (stack @0x7fed806eb5d @0x7fef9fb9b6d)
d|00000001@2026/9/27:20:30:31.455 Setup (setup.dll version 0.0.0.6) called (stack @0x7fed806eb5d @0x7fef9fb9b6d @0xff83db2f)
e|Ending installer initialization.
f|Starting installer initialization.
g|Warning: attribute is not known.
`),
  },
  {
    name: "proxy client",
    lines: read(`
a|www.example.hk:5070 opened through proxy socks.example.hk:5070 HTTPS
a|abc.com:443 opened through proxy socks.example.hk:5070 HTTPS
b|www.example.hk:5070 closed, 0 bytes out, 0 bytes in, lifetime 00:01
b|www.example.hk:5070 closed, 516 bytes out, 340 bytes in, lifetime <1 sec
b|abc.com:80 closed, 0 bytes out, 0 bytes in, lifetime 01:02:03
c|www.example.hk:5070 closed, 1165 bytes (1.13 KB) out, 815 bytes in, lifetime <1 sec
d|www.example.hk:5070 closed, 451 bytes out, 18846 bytes (18.4 KB) in, lifetime 00:01
e|www.example.hk:5070 error : no way through proxy socks.example.hk:5070 - it hung up.
`),
  },
  {
    name: "compute cluster",
    lines: read(`
a|supply status ( on on )
b|Link broken on tree Switch-0T00:00:0:0
b|Link broken on tree Switch-0T00:00:0:3
c|fan speeds ( 3552 3534 3375 4245 3515 3479 )
c|fan speeds ( 3552 3534 3375 4245 3515 )
d|ambient=28
d|ambient=33
e|temperature (41C) exceeds warning threshold
f|no server for file domain storage270
f|no server for file domain storage9
g|start (command 1444) error: node-12 does not exist
g|start (command 1903) error: node-246 does not exist
h|Part \\042id:01000010:6005-08b4\\042 is in the unavailable state (HW=1973)
h|Part \\042alt0\\042 is in the unavailable state (HW=1234)
`),
  },
  {
    name: "desktop kernel",
    lines: read(`
a|NET: 620701.011328: wl0: setup: Remote IP: 17.249.28.75
a|NET: 620990.431128: wl0: setup: Remote IP: 17.249.28.9
b|en0: channel changed to 1
b|en0: channel changed to 116
c|Wireless: Link Up on en0
c|Wireless: Link Up on awdl0
d|Wireless: Link Down on awdl0. Reason 1 (Unspecified).
e|Process 13 -> 3 log entered, lid is open
f|response took 1999 ms to arrive (54, powerd)
f|response took 199 ms to arrive (5, WindowServer)
g|Coexistence: enable_2G:1, profile_2g:0, enable_5G:1, profile_5G:0
g|Coexistence: enable_2G:0, profile_2g:1, enable_5G:1, profile_5G:0
`),
  },
  {
    name: "mixed system log",
    lines: read(`
a|session opened for user root by (uid=0)
a|session opened for user alice by (uid=0)
b|session closed for user alice
c|collector got no answer from any [Cluster_A8] source
c|collector got no answer from any [Cluster_SM2] source
d|synchronized to 10.100.20.250, stratum 3
e|Warning: no data for source name an639 dn639
e|Warning: no data for source name cn12 dn12
f|TABLE: entry (id[0x01] slot[0x00] enabled)
f|TABLE: entry (id[0x03] slot[0x01] enabled)
g|TABLE: entry (id[0x03] slot[0x01] disabled)
h|asked by 00:11:22:33:44:55 via eth1: network A_net: no free leases
h|asked by 00:11:22:33:44:66 via eth1: network A_net: no free leases
i|asked by 00:11:22:33:44:55 via eth1
j|journal on sda5, commit interval 5 seconds
j|journal on dm-0, commit interval 5 seconds
k|/scratch is not mounted
`),
  },
  {
    name: "web server",
    lines: read(`
a|10.0.0.1 - - [10/Oct/2026:13:55:36 -0700] "GET /a HTTP/1.0" 200 2326 "-" "Browser/5.0 (X11; Linux x86_64) Engine/2010"
a|10.0.0.2 - bob [10/Oct/2026:13:55:37 -0700] "GET /b?x=1 HTTP/1.0" 404 12 "https://a.b/c" "tool/7.1"
b|10.0.0.2 - - [10/Oct/2026:13:55:37 -0700] "POST /b HTTP/1.1" 404 12 "-" "Browser/5.0 (Other; like Engine) X/2"
b|10.0.0.2 - - [10/Oct/2026:13:55:37 -0700] "POST /c HTTP/1.1" 500 12 "-" "tool/7.1"
c|upstream gave nothing (111: Connection refused), client: 10.0.0.1, request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:80/", host: "a.b"
c|upstream gave nothing (111: Connection refused), client: 10.0.0.9, request: "GET /x HTTP/1.1", upstream: "http://127.0.0.1:81/x", host: "a.b:8080"
d|GET /api/users/12 200 5.123 ms - 18
d|GET /api/orders/77 404 0.3 ms - 1
`),
  },
  {
    name: "application",
    lines: read(`
a|User alice logged in from 10.0.0.1
a|User bob logged in from 10.0.0.2
b|Order 12345 placed by customer 99 total $12.50
b|Order 12346 placed by customer 1 total $1,250.00
c|Payment failed for order ord_8fa7: card_declined
c|Payment failed for order ord_77aa: insufficient_funds
d|Sending email to alice@example.com
d|Sending email to b.c@d.org
e|Worker 3 started
f|Worker 3 stopped
g|Retrying in 5 seconds (attempt 2/5)
g|Retrying in 1 minute (attempt 3/5)
h|Listening on http://0.0.0.0:3000
h|Listening on http://localhost:8080
i|uploaded photo.jpg (1.2 MB) in 300ms
i|uploaded report.pdf (900 KB) in 1.1s
j|request done {"method":"GET","url":"/a","status":200,"time":1.2}
j|request done {"method":"POST","url":"/b","status":500,"time":15}
k|memory 512MB/1024MB (50%) cpu=12.5% load=[0.1, 0.2, 0.3]
k|memory 700MB/1024MB (68%) cpu=99% load=[1.1, 2.2, 3.3]
l|out of memory: killed process 123 (node) total:1234kB, resident:55kB
l|out of memory: killed process 77 (java) total:1kB, resident:5kB
m|duration: 12.5 ms  statement: SELECT * FROM users WHERE id = 5
n|open failed (2: No such file or directory), client: 10.0.0.1, server: localhost, host: "localhost"
n|open failed (2: No such file or directory), client: 10.0.0.7, server: shop.example, host: "shop.example"
o|started on port 8080 (http) with context path ''
o|started on port 9090 (http) with context path '/api'
p|cache: warm
q|cache: cold
m|duration: 1.5 ms  statement: SELECT * FROM users WHERE id = 7
`),
  },
];
