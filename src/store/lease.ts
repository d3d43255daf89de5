/** Port: at most one holder of a name at a time, over all processes. */
export interface Leases {
  /** Undefined while somebody else holds it. */
  acquire(name: string, holder: string, ttlMs: number, nowMs: number): Promise<Lease | undefined>;
  /** False when the lease was lost meanwhile. */
  renew(lease: Lease, ttlMs: number, nowMs: number): Promise<boolean>;
  release(lease: Lease): Promise<void>;
}

export interface Lease {
  readonly name: string;
  readonly holder: string;
  /** Grows with every new holder: a write with an older number must be refused. */
  readonly fencingToken: number;
}
