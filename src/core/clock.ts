/** Unix time in ms. Passed in, so that tests can turn the clock. */
export type Now = () => number;
/** A new id, unique for ever and sortable by time. */
export type NewId = () => string;
