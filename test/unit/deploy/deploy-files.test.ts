import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { openMetrics } from "#compose/metrics.ts";
import { openOperations } from "#compose/open-operations.ts";
import { createProgram } from "#compose/program.ts";
import { programDirectory } from "#config/load.ts";
import { namedVariables, variableOf } from "#config/variables.ts";
import { recordingOutput } from "../commands/recording-output.ts";

// Containers, clusters and supervisors cannot be run here: what these files say about the program is held against the program.
const read = (...path: string[]) => readFileSync(join(programDirectory, ...path), "utf8");
const commands = createProgram(new Command("reactune"), recordingOutput().output).commands.map((one) => one.name());
const variables = new Set([...namedVariables.keys(), ...variableOf.values()]);

const Service = z.looseObject({
  command: z.array(z.string()).optional(),
  depends_on: z.record(z.string(), z.unknown()).optional(),
  environment: z.record(z.string(), z.unknown()).optional(),
  volumes: z.array(z.string()).optional(),
});
const Compose = z.looseObject({
  services: z.record(z.string(), Service),
  volumes: z.record(z.string(), z.unknown()),
});

test("compose.yaml starts the program's three roles with settings and servers that there are", () => {
  const { services } = Compose.parse(parse(read("compose.yaml"), { merge: true }));
  const ours = ["bots", "trainer", "dashboard"];

  for (const name of ours) {
    expect(commands).toContain(services[name]?.command?.[0]);
    expect(Object.keys(services)).toEqual(expect.arrayContaining(Object.keys(services[name]?.depends_on ?? {})));
    // OLLAMA_MODELS is Ollama's own; it is read where its files are looked for.
    const own = Object.keys(services[name]?.environment ?? {}).filter((variable) => variable !== "OLLAMA_MODELS");
    for (const variable of own) expect(variables).toContain(variable);
  }
  expect(Object.keys(services).toSorted()).toEqual([...ours, "mongodb", "ollama", "redis"].toSorted());
});

test("compose.yaml starts with a model that is in the image, and shows each process those that Ollama pulled", () => {
  const { services } = Compose.parse(parse(read("compose.yaml"), { merge: true }));

  expect(services["ollama"]?.volumes).toContain("ollama:/root/.ollama");
  for (const name of ["bots", "trainer", "dashboard"]) {
    const { REACTUNE_INFERENCE__MODEL: model, OLLAMA_MODELS: models } = services[name]?.environment ?? {};
    expect(model).toMatch(/^\$\{REACTUNE_MODEL:-default\}$/);
    expect(models).toBe("/ollama/models");
    expect(services[name]?.volumes).toContain("ollama:/ollama:ro");
  }
});

const Container = z.looseObject({
  args: z.array(z.string()),
  ports: z.array(z.object({ name: z.string(), containerPort: z.int() })),
  livenessProbe: z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) }).loose(),
});
const Manifest = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    selector: z.unknown().optional(),
    template: z
      .looseObject({
        metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
        spec: z.looseObject({ containers: z.array(Container) }),
      })
      .optional(),
  }),
});

test("the manifests of Kubernetes run the program's roles, and probe ports that they open", () => {
  const manifests = parseAllDocuments(read("deploy", "kubernetes", "reactune.yaml")).map((document) => {
    expect(document.errors).toEqual([]);
    return Manifest.parse(document.toJS());
  });
  const deployments = manifests.filter(({ kind }) => kind === "Deployment");

  expect(deployments).toHaveLength(3);
  for (const { spec } of deployments) {
    expect(spec.selector).toEqual({ matchLabels: spec.template?.metadata.labels });
    for (const { args, ports, livenessProbe } of spec.template?.spec.containers ?? []) {
      expect(commands).toContain(args[0]);
      expect(ports.map(({ name }) => name)).toContain(livenessProbe.httpGet.port);
    }
  }
});

test("the image sets settings that there are, and runs the command", () => {
  const text = read("deploy", "Dockerfile");

  for (const [name] of text.matchAll(/REACTUNE_[A-Z_]+/g)) expect(variables).toContain(name);
  for (const [, path = ""] of text.matchAll(/"\/opt\/reactune\/([^"]+)"/g)) expect(read(path)).not.toBe("");
  expect(read("scripts", "prepare.mjs")).not.toBe("");
});

test("the unit of systemd starts a role by its name, with time to end", () => {
  const text = read("deploy", "systemd", "reactune@.service");

  expect(text).toMatch(/^ExecStart=\S+ \S+\/bin\/reactune\.mjs %i$/m);
  for (const [, role] of text.matchAll(/reactune@([a-z]+)/g)) expect(commands).toContain(role);
  expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1])).toBeGreaterThan(20);
});

test("the image runs as a user that Kubernetes can tell from root, who owns what it mounts", () => {
  const [, user] = /^USER (\S+)$/m.exec(read("deploy", "Dockerfile")) ?? [];

  expect(Number(user)).toBeGreaterThan(0);
  const manifests = read("deploy", "kubernetes", "reactune.yaml");
  expect(manifests.match(/runAsNonRoot: true/g)).toHaveLength(3);
  expect([...manifests.matchAll(/fsGroup: (\d+)/g)].map(([, group]) => group)).toEqual([user]);
});

/** Of a program that answers: every gauge is registered where the program does it. */
async function readMetrics(): Promise<string> {
  const metrics = await openMetrics();
  const operations = await openOperations({ host: "127.0.0.1", port: 0 }, metrics);
  operations.watch({
    stores: {
      jobs: { list: async () => [] },
      describeProblem: () => undefined,
      describeOutage: () => undefined,
    },
    engine: { health: async () => ({ isReady: true, waiting: 0, streaming: 0, adaptersLoaded: [], detail: "" }) },
  });
  try {
    return await (await fetch(new URL("/metrics", operations.url))).text();
  } finally {
    await operations.close();
  }
}

test("the dashboard of Grafana asks for figures that the program gives", async () => {
  const given = new Set([...(await readMetrics()).matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name));

  const asked = [
    ...read("deploy", "grafana", "reactune.json").matchAll(/\b(?:reactune|process|nodejs)_[a-z0-9_]+/g),
  ].map(([name]) => name.replace(/_(bucket|count|sum)$/, ""));
  expect(asked.length).toBeGreaterThan(10);
  for (const name of asked) expect(given).toContain(name);
});

test("figures are named as Prometheus asks: counters end in total, units are base units, and each is explained", async () => {
  const text = await readMetrics();
  const types = [...text.matchAll(/^# TYPE (reactune_\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => ({
    name,
    type,
  }));

  expect(types.map(({ type }) => type)).toEqual(expect.arrayContaining(["counter", "gauge", "histogram"]));
  expect(types.length).toBeGreaterThan(8);
  for (const { name, type } of types) {
    expect(name).toMatch(/^reactune(_[a-z]+)+$/);
    expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|mb|megabytes|percent|counter|gauge|count|sum|bucket)(_|$)/);
    if (type === "histogram") expect(name).toMatch(/_(seconds|bytes)$/);
    expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, "m"));
  }
});
