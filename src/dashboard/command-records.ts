/** What a command answered, as JSON. */
export interface CommandReplyView {
  /** Markdown. */
  readonly text: string;
  readonly image?: { readonly src: string; readonly alt: string };
  readonly file?: { readonly name: string; readonly mediaType: string; readonly base64: string };
  /** Asks for more. The answers go back beside `options`, which are those of this call. */
  readonly form?: {
    readonly title: string;
    readonly fields: readonly CommandFieldView[];
    readonly options: Readonly<Record<string, string>>;
  };
  /** Pressing calls the command again with these options. */
  readonly confirm?: { readonly label: string; readonly options: Readonly<Record<string, string>> };
  /** A question to ask in the person's name. */
  readonly ask?: string;
}

export interface CommandFieldView {
  readonly name: string;
  readonly label: string;
  readonly isLong: boolean;
  readonly isRequired: boolean;
  readonly value?: string;
  readonly charsMax: number;
}

export interface LineChoiceView {
  readonly line: string;
  readonly label: string;
  readonly about: string;
}

export interface CompletionView {
  readonly choices: readonly LineChoiceView[];
  /** How the command of the line is written; undefined while it is not known. */
  readonly usage?: string;
  /** What stands at this place of the line. */
  readonly option?: string;
}
