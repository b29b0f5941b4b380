// Who may import whom. The table is ARCHITECTURE.md's "Packages"; change both or neither.
const may = {
  resilience: [],
  detect: [],
  contract: [],
  core: ["resilience", "detect"],
  store: ["core", "resilience"],
  adapters: ["core", "resilience", "contract"],
  probe: [],
  agent: ["core", "adapters", "resilience", "contract", "probe"],
  server: ["core", "contract", "resilience"],
  web: ["contract"],
  catalogue: ["core", "adapters", "contract", "resilience"],
  prunella: [
    "resilience",
    "detect",
    "contract",
    "core",
    "store",
    "adapters",
    "probe",
    "agent",
    "server",
    "web",
    "catalogue",
  ],
  sim: ["resilience", "detect", "contract", "core", "store", "adapters", "server", "catalogue", "probe"],
};
const pure = ["resilience", "detect", "contract", "core"];
// npm packages a pure package may use all the same.
const pureNpm = { contract: "^node_modules/(typebox)/" };
// Inside core a stage knows those before it, never those after.
const stages = ["signal", "detection", "issue", "diagnosis", "repair", "verification", "report", "engine"];

module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    ...Object.entries(may).map(([name, allowed]) => ({
      name: `${name}-imports-only-its-allies`,
      severity: "error",
      from: { path: `^packages/${name}/src/` },
      to: { path: "^packages/", pathNot: [`^packages/(${[name, ...allowed].join("|")})/`] },
    })),
    ...pure.map((name) => ({
      name: `${name}-is-pure`,
      comment: "A pure package sees no Node, no npm, no clock: time and randomness are arguments.",
      severity: "error",
      from: { path: `^packages/${name}/src/` },
      to: {
        dependencyTypes: ["core", "npm", "npm-dev", "npm-optional", "npm-peer"],
        ...(pureNpm[name] ? { pathNot: pureNpm[name] } : {}),
      },
    })),
    {
      name: "no-deep-imports",
      comment: "A package is used through its index.",
      severity: "error",
      from: { path: "^packages/([^/]+)/" },
      to: {
        path: "^packages/",
        pathNot: [
          "^packages/$1/",
          "^packages/[^/]+/src/index\\.ts$",
          "^packages/[^/]+/src/(testing|suites/index)\\.ts$",
        ],
      },
    },
    { name: "tests-stay-out-of-src", severity: "error", from: { path: "/src/" }, to: { path: "/(test|e2e|bench)/" } },
    ...stages.map((stage, at) => ({
      name: `core-${stage}-knows-only-earlier-stages`,
      severity: "error",
      from: { path: `^packages/core/src/${stage}/` },
      to: { path: `^packages/core/src/(${stages.slice(at + 1).join("|") || "never"})/` },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|\\.cache)/" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["types", "import", "node", "default"] },
  },
};
