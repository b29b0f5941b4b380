// The part of the schema about telling people, taking in what others send, and sending out. See schema.ts.

type Schema = Readonly<Record<string, unknown>>;
interface Mapping {
  readonly keys: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly more?: Schema;
}

const text: Schema = { type: ["string", "number", "boolean"] };
const words: Schema = { anyOf: [text, { type: "array", items: text }] };
const duration = (description: string): Schema => ({
  description: `${description} A duration: "250ms", "5s", "1h30m"; a bare number is seconds.`,
  type: ["string", "number"],
});
const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const list = (items: Schema): Schema => ({ type: "array", items });
const map = (of: Schema): Schema => ({ type: "object", additionalProperties: of });
const secret = (description = ""): Schema => ({
  description: `${description} May hold \${NAME}, an environment variable, or be { file: PATH }.`.trim(),
  anyOf: [text, ref("secret")],
});

export const receiverKinds = ["webhook", "slack", "pagerduty", "email", "ntfy", "alertmanager"] as const;

export const monitoringMappings: Readonly<Record<string, Mapping>> = {
  secret: { keys: { file: { type: "string" } }, required: ["file"] },
  notify: {
    keys: {
      receivers: { ...map(ref("receiver")), description: "Whom to tell, by name." },
      route: ref("route"),
      inhibit: list(ref("inhibition")),
      escalations: { ...map(ref("escalation")), description: "Step after step until somebody acknowledges." },
    },
    required: ["receivers"],
  },
  receiver: {
    keys: {
      webhook: secret("Gets JSON."),
      slack: secret("An incoming webhook of Slack, Mattermost or another that takes its format."),
      pagerduty: secret("The routing key of an Events API v2 integration."),
      email: { ...words, description: "Addresses." },
      ntfy: { type: "string", description: "Address of an ntfy server." },
      alertmanager: secret("Address of an Alertmanager; alerts are sent by its API v2."),
      headers: map(secret()),
      channel: text,
      url: { type: "string", description: "Another address than PagerDuty's own." },
      smtp: ref("smtp"),
      from: text,
      topic: secret(),
      token: secret(),
      resolved: { type: "boolean", description: "Also tell that it is over (default: true)." },
    },
    more: { oneOf: receiverKinds.map((kind) => ({ required: [kind] })) },
  },
  smtp: {
    keys: {
      host: text,
      port: { type: "integer", minimum: 1, maximum: 65_535 },
      security: {
        enum: ["auto", "starttls", "tls", "none"],
        description: "Default: encrypted when the server offers it.",
      },
      user: secret(),
      password: secret(),
    },
    required: ["host"],
  },
  route: { keys: routeKeys() },
  "sub-route": {
    keys: {
      ...routeKeys(),
      when: { ...words, description: 'Matchers, such as severity="critical", target=~"api|web".' },
      continue: { type: "boolean", description: "Look at the routes after this one too." },
    },
  },
  inhibition: { keys: { source: words, target: words, equal: words }, required: ["source", "target"] },
  escalation: {
    keys: {
      steps: list(ref("escalation-step")),
      repeat: { type: "integer", minimum: 0, maximum: 5, description: "Times it is gone through again." },
      repeatAfter: duration("Wait before each repetition (default 15m)."),
    },
    required: ["steps"],
  },
  "escalation-step": {
    keys: { to: words, after: duration("Wait after the step before (default 5m; the first: none).") },
    required: ["to"],
  },
  sources: {
    keys: {
      sentry: list(ref("sentry-project")),
      services: { ...map(text), description: "OpenTelemetry's service names that differ from those of targets." },
    },
  },
  "sentry-project": {
    keys: {
      project: { type: ["integer", "string"], description: "The number at the end of the DSN." },
      key: secret("The key of the DSN."),
      target: { type: "string" },
    },
    required: ["project", "key", "target"],
  },
  monitoring: { keys: { deadman: { anyOf: [text, ref("deadman")] }, loki: { anyOf: [text, ref("loki")] } } },
  deadman: { keys: { url: secret("Asked with GET."), every: duration("Interval (default 1m).") }, required: ["url"] },
  loki: {
    keys: {
      url: secret("Base address; /loki/api/v1/push is added."),
      headers: map(secret()),
      labels: { ...map(text), description: "Labels of every stream, beside service and level." },
    },
    required: ["url"],
  },
  scrape: {
    keys: {
      url: { type: "string" },
      every: duration("Interval (default 15s)."),
      timeout: duration("Longest wait (default 5s)."),
      headers: map(secret()),
    },
    required: ["url"],
  },
};

function routeKeys(): Record<string, Schema> {
  return {
    receiver: words,
    group: {
      ...words,
      description: 'Labels whose values make a group told in one message; "..." is each alert alone.',
    },
    wait: duration("Wait for others of the group before its first message (default 5s)."),
    interval: duration("Least time between two messages about a group (default 1m)."),
    repeat: duration('Told again after this long while it holds (default 4h); "never".'),
    escalation: text,
    routes: list(ref("sub-route")),
  };
}

/** Keys of the root mapping, and of targets, that are described here. */
export const monitoringRootKeys: Readonly<Record<string, Schema>> = {
  notify: {
    description: "Whom to tell of what, and when; see docs/monitoring.md. A list: everybody on it hears everything.",
    anyOf: [ref("notify"), list(ref("receiver"))],
  },
  sources: ref("sources"),
  monitoring: ref("monitoring"),
};
export const scrapeKey: Schema = {
  description: "Metrics in Prometheus' format that are read from it.",
  anyOf: [{ type: "string" }, ref("scrape")],
};
