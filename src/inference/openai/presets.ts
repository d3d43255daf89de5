/** Hosted providers whose addresses need not be looked up. */
const PROVIDERS = new Map([
  ["openai", "https://api.openai.com/v1"],
  ["groq", "https://api.groq.com/openai/v1"],
  ["together", "https://api.together.xyz/v1"],
]);

/** The address of the API without a slash at its end: of a provider by name, or as it was given. */
export function completeApiUrl(urlOrProvider: string): string {
  return (PROVIDERS.get(urlOrProvider) ?? urlOrProvider).replace(/\/+$/, "");
}
