import { OperatingError } from "#core/errors.ts";

export class StoreUnreachableError extends OperatingError {
  readonly code = "STORE_UNREACHABLE";
  readonly hint = "Start MongoDB, or mend MONGODB_URI; `reactune doctor` tries the address";

  /** `hosts` without credentials. */
  constructor(hosts: string, options?: ErrorOptions) {
    super(`Cannot open the store in MongoDB at "${hosts}": it does not answer as it should`, options);
  }
}
