/** Port: large files by content hash (adapters). A file is whole or absent; its hash is checked when it is put and when it is opened. */
export interface FileStore {
  /** Moves or copies the file in and returns its SHA-256 and size. Putting the same content twice is one file. */
  put(sourcePath: string): Promise<StoredFile>;
  /** Path of the local copy after checking its hash. Rejects with AdapterRefusedError when the bytes differ; undefined when absent. */
  open(digest: string): Promise<StoredFile | undefined>;
  has(digest: string): Promise<boolean>;
  remove(digest: string): Promise<void>;
  /** Digests of all files. */
  list(): Promise<readonly string[]>;
}

export interface StoredFile {
  readonly digest: string;
  readonly path: string;
  readonly bytes: number;
}
