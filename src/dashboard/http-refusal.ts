import { OperatingError } from "#core/errors.ts";
import type { ApiError } from "./api-records.ts";

export type RefusalStatus = 400 | 403 | 404 | 409 | 413 | 415 | 421 | 422 | 429 | 503;

/** A request that is refused; the reply carries `code`, the message and `hint`. */
export class HttpRefusal extends OperatingError {
  readonly code: string;
  readonly hint: string;
  readonly status: RefusalStatus;

  constructor(refusal: ApiError & { readonly status: RefusalStatus }, options?: ErrorOptions) {
    super(refusal.message, options);
    this.status = refusal.status;
    this.code = refusal.code;
    this.hint = refusal.hint;
  }
}

export function notFound(what: string, id: string): HttpRefusal {
  return new HttpRefusal({
    status: 404,
    code: "NOT_FOUND",
    message: `Cannot find ${what} "${id.slice(0, 80)}"`,
    hint: "Reload the page; it may have been deleted, or it belongs to somebody else",
  });
}

/** Statuses of the errors that use cases reject with; others are 500. */
const STATUS_OF_CODE: ReadonlyMap<string, RefusalStatus> = new Map([
  ["QUEUE_FULL", 429],
  ["INFERENCE_UNAVAILABLE", 503],
  ["STORE_UNREACHABLE", 503],
  ["STORE_BUSY", 503],
  ["REDIS_UNAVAILABLE", 503],
  ["MODEL_NOT_FOUND", 503],
  ["TRAINING_UNAVAILABLE", 503],
  ["DOMAIN_UNKNOWN", 404],
  ["ADAPTER_NOT_FOUND", 404],
  ["ADAPTER_REFUSED", 409],
  ["NOT_READY", 409],
  ["SERVICE_CONFLICT", 409],
  ["SETTING_INVALID", 422],
  ["ENV_FILE_REFUSED", 409],
]);

export function statusOf(error: OperatingError): RefusalStatus | 500 {
  return error instanceof HttpRefusal ? error.status : (STATUS_OF_CODE.get(error.code) ?? 500);
}
