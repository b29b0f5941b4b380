import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { descriptorKind, parseField, parseIo, parseListeners, parseStat, parseUser } from "../src/proc/parse.ts";

const stat = (name: string): string =>
  `4711 (${name}) S 1 4711 4710 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 11 0 168658 3133440 366 18446744073709551615 1 1 0 0`;

test("stat: the fields are found whatever the process calls itself", () => {
  const expected = {
    pid: 4711,
    state: "S",
    parent: 1,
    group: 4711,
    session: 4710,
    cpuTicks: 300,
    threads: 11,
    startTicks: 168_658,
    residentPages: 366,
  };
  for (const name of ["node", "a) S 1 2 3", "(((", "with space", ""])
    assert.deepEqual(parseStat(stat(name)), { name, ...expected });
  fc.assert(fc.property(fc.string(), (name) => assert.equal(parseStat(stat(name))?.startTicks, 168_658)));
});

test("stat: what is not one is null, never a throw", () => {
  for (const text of ["", "4711", "4711 (node", "4711 (node) S 1"]) assert.equal(parseStat(text), null);
  fc.assert(fc.property(fc.string(), (text) => void parseStat(text)));
});

test("io, status and memory.events", () => {
  assert.deepEqual(parseIo("rchar: 9\nwchar: 8\nread_bytes: 4096\nwrite_bytes: 512\ncancelled_write_bytes: 7\n"), {
    readBytes: 4096,
    writtenBytes: 512,
  });
  assert.equal(parseIo(""), null);
  const status = "Name:\tnode\nState:\tS (sleeping)\nUid:\t1000\t1000\t1000\t1000\nvoluntary_ctxt_switches:\t12\n";
  assert.equal(parseField(status, "State"), "S (sleeping)");
  assert.equal(parseField(status, "Uid"), "1000\t1000\t1000\t1000");
  assert.equal(parseField(status, "ctxt"), null);
  assert.equal(parseField("low 0\noom 1\noom_kill 3\noom_group_kill 0\n", "oom_kill"), "3");
});

test("tcp tables: only sockets that listen on the port, in both families", () => {
  const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
  const four = `${head}   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 4243 1 0
   2: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0\n`;
  assert.deepEqual(parseListeners(four, 8080), ["4242"]);
  const six = `${head}   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0\n`;
  assert.deepEqual(parseListeners(six, 8080), ["77"]);
  assert.deepEqual(parseListeners("", 8080), []);
});

test("users by name and by number", () => {
  const passwd = "root:x:0:0:root:/root:/bin/sh\nshop:x:1001:1002::/:/bin/false\n";
  assert.deepEqual(parseUser(passwd, "shop"), { uid: 1001, gid: 1002 });
  assert.deepEqual(parseUser(passwd, "1001"), { uid: 1001, gid: 1002 });
  assert.deepEqual(parseUser(passwd, "4000"), { uid: 4000, gid: 4000 });
  assert.equal(parseUser(passwd, "nobody"), null);
});

test("kinds of descriptors", () => {
  const kinds = ["socket:[1]", "pipe:[2]", "/var/log/x", "/dev/null", "anon_inode:[eventpoll]"].map(descriptorKind);
  assert.deepEqual(kinds, ["socket", "pipe", "file", "other", "other"]);
});
