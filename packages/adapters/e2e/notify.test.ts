// Each receiver's wire format against a local server that checks it as the real one would.
import assert from "node:assert/strict";
import { createServer as createHttp, type IncomingMessage } from "node:http";
import { createServer as createTcp, type AddressInfo, type Server } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { alertmanagerHoldMs, notifierOf, reveal, sendTo, type ReceiverPlan } from "@prunella/adapters";
import { alertRulesFor, type Notification } from "@prunella/core";

const at = 1_700_000_000_000;
function notification(of: Partial<Notification> = {}): Notification {
  return {
    key: "escalation:INC-1>x#1",
    alert: "escalation:INC-1",
    at: at + 5_000,
    startedAt: at,
    kind: "escalation",
    status: "firing",
    title: "CRIT-001 needs a person: api is down",
    text: "Why a person: no remedy is left\nRoot cause: <script>alert(1)</script> & \u001b[31mred",
    severity: "critical",
    issue: "CRIT-001",
    incident: "INC-1",
    target: "api",
    receiver: "x",
    labels: { severity: "critical", kind: "crash", target: "api", group: "api", "team.name": "shop" },
    attempts: 0,
    dueAt: at,
    deliveredAt: null,
    ...of,
  };
}

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly json: any;
}

async function receiver(t: TestContext, status: () => number = () => 200) {
  const seen: Seen[] = [];
  const server = createHttp((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      seen.push({
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        json: JSON.parse(body),
      });
      response.writeHead(status(), status() === 302 ? { location: "/elsewhere" } : {}).end("ok");
    });
  });
  await listening(t, server);
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function listening(t: TestContext, server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
}

test("webhook: one POST of JSON with the keys, the first alert at the top and all of them in a list", async (t) => {
  const { seen, url } = await receiver(t);
  const plan: ReceiverPlan = {
    name: "hook",
    type: "webhook",
    url: { secret: `${url}/hook` },
    headers: { authorization: { secret: "Bearer x" } },
  };
  await sendTo(plan, [notification(), notification({ key: "k2", issue: "CRIT-002", status: "resolved" })]);
  const [first] = seen;
  assert.equal(first?.headers["idempotency-key"], "escalation:INC-1>x#1,k2");
  assert.equal(first?.headers["authorization"], "Bearer x");
  assert.deepEqual(
    [
      first?.json.issue,
      first?.json.at,
      first?.json.receiver,
      first?.json.alerts.map((each: any) => [each.issue, each.status]),
    ],
    [
      "CRIT-001",
      "2023-11-14T22:13:25.000Z",
      "hook",
      [
        ["CRIT-001", "firing"],
        ["CRIT-002", "resolved"],
      ],
    ],
  );
});

test("a redirect is not followed, an error is told with the host and without the path, and an absent one is told", async (t) => {
  let status = 302;
  const { seen, url } = await receiver(t, () => status);
  const plan = (to: string): ReceiverPlan => ({
    name: "x",
    type: "slack",
    url: { secret: `${to}/services/SECRET` },
    channel: null,
  });
  await assert.rejects(sendTo(plan(url), [notification()]), /answered 302; redirects are not followed/);
  assert.equal(seen.length, 1);
  status = 500;
  await assert.rejects(
    sendTo(plan(url), [notification()]),
    (error: Error) => /answered 500: ok/.test(error.message) && !error.message.includes("SECRET"),
  );
  await assert.rejects(sendTo(plan("http://127.0.0.1:1"), [notification()]), /was not reached/);
});

test("Slack: text and attachments, with what could be markup escaped", async (t) => {
  const { seen, url } = await receiver(t);
  await sendTo({ name: "x", type: "slack", url: { secret: url }, channel: "#ops" }, [notification()], {
    webUrl: "https://p.example",
  });
  const { json } = seen[0]!;
  assert.equal(json.channel, "#ops");
  assert.match(json.text, /^\[CRITICAL\] CRIT-001 needs a person/);
  const [attachment] = json.attachments;
  assert.equal(attachment.title_link, "https://p.example/issues/CRIT-001");
  assert.ok(
    attachment.text.includes("&lt;script&gt;") &&
      attachment.text.includes("&amp;") &&
      attachment.text.includes("\\u001b[31m"),
  );
  assert.equal(attachment.ts, at / 1000);
});

test("PagerDuty: trigger and resolve share the key of the alert, one event each", async (t) => {
  const { seen, url } = await receiver(t, () => 202);
  process.env["PRUNELLA_TEST_ROUTING_KEY"] = "R0UT1NG";
  t.after(() => delete process.env["PRUNELLA_TEST_ROUTING_KEY"]);
  const plan: ReceiverPlan = {
    name: "x",
    type: "pagerduty",
    url: `${url}/v2/enqueue`,
    routingKey: { secret: "${PRUNELLA_TEST_ROUTING_KEY}" },
  };
  await sendTo(plan, [notification(), notification({ key: "over", status: "resolved", kind: "recovered" })]);
  const [trigger, resolve] = seen.map((each) => each.json);
  assert.deepEqual(resolve, {
    routing_key: "R0UT1NG",
    dedup_key: "prunella/escalation:INC-1",
    client: "Prunella",
    event_action: "resolve",
  });
  assert.deepEqual(
    [
      trigger.event_action,
      trigger.routing_key,
      trigger.dedup_key,
      trigger.payload.severity,
      trigger.payload.class,
      trigger.payload.timestamp,
    ],
    ["trigger", "R0UT1NG", "prunella/escalation:INC-1", "critical", "crash", "2023-11-14T22:13:20.000Z"],
  );
});

test("ntfy: published as JSON, so text from outside cannot add a header", async (t) => {
  const { seen, url } = await receiver(t);
  const plan: ReceiverPlan = { name: "x", type: "ntfy", url, topic: { secret: "ops-1" }, token: { secret: "tk_1" } };
  await sendTo(plan, [notification({ title: "line\r\nX-Tags: fun" })]);
  const { json, headers } = seen[0]!;
  assert.deepEqual(
    [json.topic, json.priority, json.tags, headers["authorization"]],
    ["ops-1", 5, ["rotating_light"], "Bearer tk_1"],
  );
  assert.equal(json.title, "[CRITICAL] line X-Tags: fun");
  assert.equal(headers["x-tags"], undefined);
});

test("Alertmanager API v2: labels are the identity, a firing alert holds until its end is sent", async (t) => {
  const { seen, url } = await receiver(t);
  const plan: ReceiverPlan = { name: "x", type: "alertmanager", url: { secret: `${url}/` }, headers: {} };
  await sendTo(plan, [notification()]);
  await sendTo(plan, [notification({ key: "over", status: "resolved", at: at + 60_000 })]);
  const [firing] = seen[0]!.json;
  const [resolved] = seen[1]!.json;
  assert.equal(seen[0]!.url, "/api/v2/alerts");
  assert.deepEqual(firing.labels, {
    alertname: "PrunellaCrash",
    severity: "critical",
    kind: "crash",
    target: "api",
    group: "api",
    team_name: "shop",
    prunella: "notification",
  });
  assert.deepEqual(resolved.labels, firing.labels);
  assert.equal(Date.parse(firing.endsAt), at + 5_000 + alertmanagerHoldMs);
  assert.deepEqual([resolved.startsAt, resolved.endsAt], ["2023-11-14T22:13:20.000Z", "2023-11-14T22:14:20.000Z"]);
});

test("e-mail: spoken as SMTP, with log-in, encoded subject, one thread for each alert", async (t) => {
  const mailbox = await smtp(t);
  const plan: ReceiverPlan = {
    name: "x",
    type: "email",
    host: "127.0.0.1",
    port: mailbox.port,
    security: "none",
    user: { secret: "prunella" },
    password: { secret: "geheim" },
    from: "prunella@example.com",
    to: ["ops@example.com", "boss@example.com"],
  };
  await sendTo(plan, [notification({ title: "api is down\r\nBcc: all@example.com – größer" })]);
  const [mail] = mailbox.mails;
  assert.deepEqual(
    [mail?.from, mail?.to, mail?.user, mail?.password],
    ["prunella@example.com", ["ops@example.com", "boss@example.com"], "prunella", "geheim"],
  );
  const [head = "", body = ""] = mail?.data.split(/\r\n\r\n/) ?? [];
  assert.ok(!/^bcc:/im.test(head), "a line break in a title adds no header");
  assert.match(head, /^references: <escalation-INC-1@example\.com>/im);
  assert.match(head, /^auto-submitted: auto-generated/im);
  assert.match(head, /^subject: /im);
  assert.match(body, /Why a person: no remedy is left/);
  mailbox.refuse = true;
  await assert.rejects(sendTo(plan, [notification()]), /mail to 127\.0\.0\.1:\d+ was not taken: .*mailbox is full/);
});

interface Mail {
  from: string;
  to: string[];
  data: string;
  user: string;
  password: string;
}

/** A mail server that knows what RFC 5321 demands of a client: greeting, AUTH PLAIN, envelope, dot-stuffed data. */
async function smtp(t: TestContext) {
  const mails: Mail[] = [];
  const box = { mails, refuse: false, port: 0 };
  const server = createTcp((socket) => {
    let mail: Mail = { from: "", to: [], data: "", user: "", password: "" };
    let inData = false;
    let rest = "";
    socket.on("error", () => {});
    socket.setEncoding("utf8");
    socket.write("220 mail.test ESMTP\r\n");
    socket.on("data", (chunk: string) => {
      rest += chunk;
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (inData) {
          if (line !== ".") mail.data += `${line.replace(/^\./, "")}\r\n`;
          else {
            inData = false;
            mails.push(mail);
            mail = { ...mail, to: [], data: "" };
            socket.write("250 taken\r\n");
          }
          continue;
        }
        const verb = line.split(/[ :]/)[0]?.toUpperCase();
        if (verb === "EHLO") socket.write("250-mail.test\r\n250 AUTH PLAIN\r\n");
        else if (verb === "AUTH") {
          const [, user = "", password = ""] = Buffer.from(line.split(" ")[2] ?? "", "base64")
            .toString()
            .split("\0");
          Object.assign(mail, { user, password });
          socket.write("235 welcome\r\n");
        } else if (verb === "MAIL") {
          mail.from = /<(.*?)>/.exec(line)?.[1] ?? "";
          socket.write("250 ok\r\n");
        } else if (verb === "RCPT") {
          if (box.refuse) socket.write("452 mailbox is full\r\n");
          else {
            mail.to.push(/<(.*?)>/.exec(line)?.[1] ?? "");
            socket.write("250 ok\r\n");
          }
        } else if (verb === "DATA") {
          inData = true;
          socket.write("354 go on\r\n");
        } else if (verb === "QUIT") socket.end("221 bye\r\n");
        else socket.write("250 ok\r\n");
      }
    });
  });
  await listening(t, server);
  box.port = (server.address() as AddressInfo).port;
  return box;
}

test("secrets come from the environment or a file, and what is missing is named without its value", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "prunella-secret-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, "key"), "from-file\n");
  assert.equal(reveal({ secret: "https://x/${A}/${B}" }, { A: "1", B: "2" }), "https://x/1/2");
  assert.equal(reveal({ secretFile: path.join(folder, "key") }), "from-file");
  assert.throws(() => reveal({ secret: "${NOT_SET}" }, {}), /environment variable NOT_SET is not set/);
  assert.throws(() => reveal({ secretFile: path.join(folder, "gone") }), /cannot be read \(ENOENT\)/);
});

test("the notifier finds the receiver by name and says when it is gone", async (t) => {
  const { seen, url } = await receiver(t);
  const plan = {
    receivers: [{ name: "x", type: "webhook", url: { secret: url }, headers: {} }] as const,
    rules: alertRulesFor(["x"]),
  };
  const notifier = notifierOf(() => plan, { write: () => {} });
  await notifier.send(notification(), [notification(), notification({ key: "two" })]);
  assert.deepEqual(
    seen[0]?.json.alerts.map((each: any) => each.key),
    ["escalation:INC-1>x#1", "two"],
  );
  await assert.rejects(notifier.send(notification({ receiver: "y" }), []), /receiver y is not configured any more/);
});
