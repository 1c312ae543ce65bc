"""How results are shown: style, the sentence that states a protocol, tables as text, Markdown and HTML."""
