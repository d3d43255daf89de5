/**
 * What may import what in src/ (`npm run check`). A folder's root is ports and use cases, a sub-folder is one technology.
 * Give a new folder a row in `mayImport` and say why in a decision record.
 */
const core = ["core"];
const ports = [...core, "store", "inference", "jobs", "events"];
const models = [...ports, "models"];
const trainer = [...models, "trainer"];
const bots = [...trainer, "bots"];
const commands = [...bots, "dashboard", "config", "charts"];

/** Allowed neighbours of each folder; a folder may always import itself. */
const mayImport = {
  core: [],
  config: core,
  store: core,
  inference: core,
  jobs: core,
  events: core,
  charts: core,
  models: ports,
  trainer: models,
  bots: trainer,
  dashboard: bots,
  simulation: commands,
  commands: [...commands, "simulation"],
  compose: [...commands, "simulation", "commands"],
};

/** Folders whose sub-folders are technologies. */
const withTechnologies = "bots|inference|store|trainer|jobs|events";

const edges = Object.entries(mayImport).map(([folder, neighbours]) => ({
  name: `${folder}-knows-only-its-neighbours`,
  severity: "error",
  comment:
    `src/${folder} may import: ${neighbours.join(", ") || "nothing"}. Move the code to where it may be, or pass it in as a ` +
    "parameter; if neither fits, change mayImport and say why in a decision record.",
  from: { path: `^src/${folder}/` },
  to: { path: "^src/", pathNot: [folder, ...neighbours].map((name) => `^src/${name}/`) },
}));

/** Keeps an SDK inside one place. */
const confine = (name, packages, home) => ({
  name: `only-${name}`,
  severity: "error",
  comment: `${packages} stays inside ${home}: call the port that stands before it.`,
  from: { path: "^src/", pathNot: home },
  to: { path: `node_modules/(${packages})(/|$)` },
});

export default {
  forbidden: [
    ...edges,
    {
      name: "declared-folder",
      severity: "error",
      comment: "Give this new src/ folder its neighbours in mayImport.",
      from: { path: "^src/[^/]+/", pathNot: Object.keys(mayImport).map((name) => `^src/${name}/`) },
      to: {},
    },
    {
      name: "technology-behind-port",
      severity: "error",
      comment: "Only compose/ names a technology. Import the port in the folder's root and have the rest passed in.",
      from: { path: "^src/([^/]+)/", pathNot: "^src/compose/" },
      to: { path: `^src/(${withTechnologies})/([^/]+)/`, pathNot: "^src/$1/" },
    },
    {
      name: "port-ignores-technology",
      severity: "error",
      comment: "A port or use case must not import its own implementations: take the port as a parameter.",
      from: { path: `^src/(${withTechnologies})/[^/]+[.]ts$` },
      to: { path: "^src/$1/[^/]+/" },
    },
    {
      name: "technologies-are-strangers",
      severity: "error",
      comment: "discord must not import slack, nor sqlite redis: move what they share to the folder's root.",
      from: { path: `^src/(${withTechnologies})/([^/]+)/` },
      to: { path: "^src/$1/([^/]+)/", pathNot: "^src/$1/$2/" },
    },
    {
      name: "core-is-pure",
      severity: "error",
      comment:
        "core has no I/O, no npm package and no node: module: pass in the clock, the random source and the data.",
      from: { path: "^src/core/" },
      to: { dependencyTypes: ["npm", "npm-dev", "core"] },
    },
    {
      name: "main-is-never-imported",
      severity: "error",
      comment: "main.ts turns arguments into an exit code and nothing else: move what you need into a command.",
      from: { path: "^src/" },
      to: { path: "^src/main[.]ts$" },
    },
    {
      name: "pages-know-only-records",
      severity: "error",
      comment: "The pages run in a browser: import types of #dashboard and #core, and fetch everything else over HTTP.",
      from: { path: "^src/dashboard/pages/" },
      to: { path: "^src/", pathNot: ["^src/dashboard/", "^src/core/"] },
    },
    {
      name: "pages-apart",
      severity: "error",
      comment: "The server serves the built pages from dist/pages; it never imports their source.",
      from: { path: "^src/", pathNot: "^src/dashboard/pages/" },
      to: { path: "^src/dashboard/pages/" },
    },
    confine("discord", "discord[.]js|@discordjs", "^src/bots/discord/"),
    confine("slack", "@slack", "^src/bots/slack/"),
    confine("libsql", "libsql", "^src/store/sqlite/"),
    confine("llama", "node-llama-cpp", "^src/inference/(llama|embedding)/"),
    confine("ollama", "ollama", "^src/inference/ollama/"),
    confine("mongo", "mongoose|mongodb", "^src/store/mongo/"),
    confine("redis", "ioredis", "^src/((store|events)/redis|jobs/bullmq)/"),
    confine("bullmq", "bullmq", "^src/jobs/bullmq/"),
    confine("hono", "hono|@hono", "^src/dashboard/"),
    confine("echarts", "echarts|@resvg", "^src/(charts|dashboard/pages)/"),
    confine("pino", "pino|pino-pretty", "^src/compose/"),
    {
      name: "cross-folder-by-hash",
      severity: "error",
      comment: "Write #store/x.ts to leave a folder and ./x.ts inside it: the import list then shows every edge.",
      from: { path: "(^src/[^/]+/)", pathNot: "^src/dashboard/pages/" },
      to: { path: "^src/", pathNot: "$1", dependencyTypesNot: ["aliased-subpath-import"] },
    },
    {
      name: "no-cycle",
      severity: "error",
      comment: "Type-only cycles count: move the shared type to a third file.",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-orphan",
      severity: "error",
      comment: "Nothing imports this file and it imports nothing: use it or delete it.",
      from: { orphan: true, pathNot: ["[.]config[.]", "[.]d[.]ts$", "^src/main[.]ts$"] },
      to: {},
    },
    {
      name: "src-never-imports-test",
      severity: "error",
      comment: "Move what production needs into src/.",
      from: { path: "^src/" },
      to: { path: "^test/" },
    },
    {
      name: "not-to-dev-dep",
      severity: "error",
      comment: "`npm ci --omit=dev` would break: move the package to dependencies.",
      from: { path: "^src/", pathNot: "^src/dashboard/pages/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "resolvable",
      severity: "error",
      comment: "The imported file or package does not exist: mend the path, or add the package to package.json.",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: ["^src/trainer/python/", "^src/dashboard/pages/public/", "[.]css$"] },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["source", "import", "node", "default"] },
  },
};
