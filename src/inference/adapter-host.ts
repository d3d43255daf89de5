/** Port: an engine that keeps copies of adapters on other machines. */
export interface AdapterHost {
  /** Digests of the adapters that have a copy on a host that answers. */
  listHosted(): Promise<readonly string[]>;
  /** Deletes every copy once the adapter's last stream has ended. Rejects with InferenceUnavailableError when a host does not answer. */
  removeHosted(adapterDigest: string): Promise<void>;
}
