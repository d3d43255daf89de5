import { memo, useState } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { copyText } from "../parts/copy-text.ts";
import { Icon } from "../parts/icons.tsx";

/**
 * A model's text. Raw HTML in it is shown as text, addresses other than http(s) and mail lose their link, and pictures
 * are named, not loaded: a reply must not be able to call another server.
 */
export const Markdown = memo(function Markdown({ text }: { readonly text: string }) {
  return (
    <div className="markdown">
      <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS}>
        {text}
      </ReactMarkdown>
    </div>
  );
});

const PLUGINS = [remarkGfm];

const COMPONENTS: Components = {
  a: ({ href, children }) =>
    href === undefined || href === "" || href.startsWith("#") ? (
      <span>{children}</span>
    ) : (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    ),
  img: ({ alt, src }) => (
    <span className="picture-name">
      picture not loaded: {alt === undefined || alt === "" ? "no description" : alt}
      {typeof src === "string" && src !== "" ? ` (${src})` : ""}
    </span>
  ),
  pre: ({ children, node }) => <CodeBlock code={textOf(node)}>{children}</CodeBlock>,
  table: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table scrolls sideways, which the keyboard must reach
    <section className="table-scroll" tabIndex={0} aria-label="Table">
      <table>{children}</table>
    </section>
  ),
  input: ({ checked }) => <span>{checked === true ? "☑ " : "☐ "}</span>,
};

function CodeBlock({ code, children }: { readonly code: string; readonly children: React.ReactNode }) {
  const [copied, setCopied] = useState<"" | "Copied" | "Select and copy by hand">("");
  const copy = async () => {
    setCopied((await copyText(code)) ? "Copied" : "Select and copy by hand");
    window.setTimeout(() => setCopied(""), 2000);
  };
  return (
    <div className="code-block">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines scroll sideways, which the keyboard must reach */}
      <pre tabIndex={0}>{children}</pre>
      <button type="button" className="code-copy" onClick={() => void copy()} aria-label="Copy code">
        <Icon name={copied === "Copied" ? "check" : "copy"} />
        <span aria-live="polite">{copied}</span>
      </button>
    </div>
  );
}

interface TextNode {
  readonly type: string;
  readonly value?: unknown;
  readonly children?: readonly TextNode[];
}

function textOf(node: unknown): string {
  if (typeof node !== "object" || node === null) return "";
  const { type, value, children } = node as TextNode;
  if (type === "text") return typeof value === "string" ? value : "";
  return (children ?? []).map(textOf).join("");
}
