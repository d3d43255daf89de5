/** Names of the models that we make on a host. Nothing with another name is ever changed or deleted there. */
const ADAPTER_NAME = /^reactune-[0-9a-f]{12}$/;

export function baseModelName(digest: string): string {
  return `reactune-base-${digest.slice(0, 12)}`;
}

export function adapterModelName(digest: string): string {
  return `reactune-${digest.slice(0, 12)}`;
}

export function isAdapterModelName(name: string): boolean {
  return ADAPTER_NAME.test(withoutLatest(name));
}

export function isSameModel(name: string, other: string): boolean {
  return withoutLatest(name) === withoutLatest(other);
}

/** Ollama adds ":latest" to names without a tag. */
export function withoutLatest(name: string): string {
  return name.replace(/:latest$/, "");
}
