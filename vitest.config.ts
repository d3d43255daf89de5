import { availableParallelism } from "node:os";
import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // The condition "source" maps #folder/file.ts to src/ (package.json "imports"); without it tests would read dist/. "module" is
  // for bundlers: packages put files there that Node cannot read.
  ssr: { resolve: { conditions: ["source", ...defaultServerConditions.filter((name) => name !== "module")] } },
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Engines and trainers in tests use threads of their own.
    maxWorkers: Math.max(1, Math.min(4, availableParallelism())),
  },
});
