/** Some fonts hold emoji as plain outlines: those in a text get the font with colours. */
export function EmojiText({ text }: { readonly text: string }) {
  let offset = 0;
  return text.split(/(\p{Extended_Pictographic}\uFE0F?)/u).map((piece, index) => {
    const key = offset;
    offset += piece.length;
    return index % 2 === 0 ? (
      piece
    ) : (
      <span key={key} className="emoji">
        {piece}
      </span>
    );
  });
}
