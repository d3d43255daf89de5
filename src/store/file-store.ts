import { AdapterRefusedError, DatasetRefusedError, type OperatingError } from "#core/errors.ts";

/** Port: large files by content hash (adapters, data sets on their way). A file is whole or absent; its hash is checked when it is put and when it is opened. */
export interface FileStore {
  /** Moves or copies the file in and returns its SHA-256 and size. Putting the same content twice is one file. */
  put(sourcePath: string): Promise<StoredFile>;
  /** Path of the local copy after checking its hash. Rejects with the kind's refusal when the bytes differ; undefined when absent. */
  open(digest: string): Promise<StoredFile | undefined>;
  has(digest: string): Promise<boolean>;
  remove(digest: string): Promise<void>;
  /** Digests of all files. */
  list(): Promise<readonly string[]>;
}

/** What a store holds, and with what it refuses a file whose bytes are not those that were put. */
export interface FileKind {
  readonly name: string;
  /** With its dot. */
  readonly extension: string;
  readonly refuse: (digest: string, why: string) => OperatingError;
}

export const ADAPTER_FILES: FileKind = {
  name: "adapter",
  extension: ".gguf",
  refuse: (digest, why) => new AdapterRefusedError(digest, why),
};

/** Words of people: kept only while their run goes on. */
export const DATASET_FILES: FileKind = {
  name: "dataset",
  extension: ".json",
  refuse: (digest, why) => new DatasetRefusedError(digest, why),
};

export interface StoredFile {
  readonly digest: string;
  readonly path: string;
  readonly bytes: number;
}
