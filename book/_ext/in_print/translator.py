"""The book in LaTeX: parts and chapters, claims and proofs, exercises, figures and formulas."""

from __future__ import annotations

from docutils import nodes
from sphinx.writers.latex import LaTeXTranslator

from in_print.formulas import displayed
from in_print.left_out import is_set
from in_print.tables import SMALL

CLAIMS = ("theorem", "proposition", "lemma", "corollary", "definition", "remark")

WORD = "Proof."
#: Rows beyond which Sphinx lets a table go on over pages.
LONG = 30


class BookTranslator(LaTeXTranslator):
    """What Sphinx writes, where the book looks otherwise."""

    # Parts and chapters.

    def visit_start_of_file(self, node):
        name = node["docname"]
        self.context.append(self.sectionlevel)
        self.sectionlevel = self.top_sectionlevel - 1
        self.body.append(self.part_before(name))
        super().visit_start_of_file(node)
        self.body.append(self.numbering(name))

    def depart_start_of_file(self, node):
        super().depart_start_of_file(node)
        self.sectionlevel = self.context.pop()

    def part_before(self, name: str) -> str:
        """The heading of the part that a page opens."""
        for part in self.config.external_site_map.root.subtrees:
            if part.items and str(part.items[0]) == name:
                depth = -1 if part.numbered else -2
                return rf"\setcounter{{secnumdepth}}{{{depth}}}\part{{{self.encode(part.caption)}}}"
        return ""

    def numbering(self, name: str) -> str:
        """Number the headings of a page as they are on the web, or not at all."""
        depth = 3 if any(self.builder.env.toc_secnumbers.get(name, {}).values()) else -2
        return f"\\setcounter{{secnumdepth}}{{{depth}}}\n"

    def visit_title(self, node):
        if self.this_is_the_title and isinstance(node.parent, nodes.section):
            # The first page is a chapter too; the name of the book stands on its title page.
            self.this_is_the_title = 0
            self.sectionlevel = self.top_sectionlevel
            self.body.append(self.numbering(self.curfilestack[-1]))
        super().visit_title(node)

    # References.

    def visit_reference(self, node):
        uri = node.get("refuri", "")
        if uri and not is_set(uri):
            # What it leads to is no part of the printed book.
            self.context.append("")
            return
        if is_click_on_card(node):
            raise nodes.SkipNode
        super().visit_reference(node)

    def visit_paragraph(self, node):
        # Names of the package are not broken, so their line is not stretched.
        if "implemented-by" in node["classes"]:
            self.body.append("\n{\\raggedright")
        super().visit_paragraph(node)

    def depart_paragraph(self, node):
        super().depart_paragraph(node)
        if "implemented-by" in node["classes"]:
            self.body.append("\\par}\n")

    # Cells of code, and the cards of the first page.

    def visit_container(self, node):
        if "cell_output" in node["classes"]:
            self.body.append("\n\\begin{bookoutput}")
        elif "sd-card-title" in node["classes"]:
            self.body.append("\n\n\\textbf{")

    def depart_container(self, node):
        if "cell_output" in node["classes"]:
            self.body.append("\n\\end{bookoutput}\n")
        elif "sd-card-title" in node["classes"]:
            self.body.append(".}\\ ")

    def number_of(self, kind: str, node) -> str:
        """The number that something has on the web."""
        numbers = self.builder.env.toc_fignumbers.get(self.curfilestack[-1], {}).get(kind, {})
        return ".".join(map(str, numbers.get(node["ids"][0], ()))) if node["ids"] else ""

    def visit_thebibliography(self, node):
        self.body.append("\n\\begin{booksources}\n")

    def visit_citation(self, node):
        # sphinxcontrib-bibtex links to the name that LaTeX's own lists of sources would give.
        self.body.append(rf"\item\hypertarget{{cite.{node['docname']}:{node['ids'][0]}}}{{}}")

    def depart_thebibliography(self, node):
        self.body.append("\\end{booksources}\n")

    # Claims, proofs and exercises.

    def visit_claim(self, node):
        name = f"{node['realtype'].title()} {self.number_of(node['countertype'], node)}".strip()
        label = self.hypertarget_to(node, anchor=True)
        self.body.append(f"\n\\begin{{bookclaim}}{{{label}{name}}}")
        self.no_latex_floats += 1

    def depart_claim(self, node):
        self.body.append("\\end{bookclaim}\n")
        self.no_latex_floats -= 1

    def visit_exercise(self, node):
        label = self.hypertarget_to(node, anchor=True)
        label += rf"\label{{exercise:{node['label']}}}"
        name = "booksolution" if node["type"] == "solution" else "bookexercise"
        self.body.append(f"\n\\begin{{{name}}}{{{label}}}")

    def depart_exercise(self, node):
        name = "booksolution" if node["type"] == "solution" else "bookexercise"
        self.body.append(f"\\end{{{name}}}\n")

    def visit_admonition(self, node):
        if "proof" in node["classes"]:
            lean(node)
            self.body.append("\n\\begin{bookproof}\n")
        else:
            self.body.append("\n\\begin{bookbox}")
            self.no_latex_floats += 1

    def depart_admonition(self, node):
        if "proof" in node["classes"]:
            self.body.append("\\end{bookproof}\n")
        else:
            self.body.append("\\end{bookbox}\n")
            self.no_latex_floats -= 1

    # Tables, figures and formulas.

    def visit_table(self, node):
        columns = list(node.findall(nodes.colspec))
        rows = [row for row in node.findall(nodes.row) if len(row) == len(columns)]
        if len(rows) > LONG and "colwidths-given" not in node["classes"]:
            # It goes on over pages, where LaTeX breaks no line of a column without a width.
            for i, column in enumerate(columns):
                column["colwidth"] = min(max(len(row[i].astext()) for row in rows), 60)
            node["classes"].append("colwidths-given")
        if SMALL in node["classes"]:
            self.body.append("\n{\\footnotesize")
        super().visit_table(node)

    def depart_table(self, node):
        super().depart_table(node)
        if SMALL in node["classes"]:
            self.body.append("}\n")

    def visit_figure(self, node):
        super().visit_figure(node)
        if number := self.number_of("figure", node):
            self.body.append(f"\\def\\thefigure{{{number}}}\n")

    def visit_math_block(self, node):
        if node.get("nowrap"):
            super().visit_math_block(node)
        name = node.get("label")
        label = f"equation:{node['docname']}:{name}" if name else ""
        number = self.number_of("displaymath", node) if name else ""
        self.body.append(displayed(node.astext(), number, label))
        raise nodes.SkipNode


def is_click_on_card(node: nodes.Node) -> bool:
    """Tell whether a link has no words of its own, but makes one of the whole card."""
    above = node.parent
    while above is not None and not isinstance(above, nodes.container):
        above = above.parent
    return above is not None and "sd-card" in above["classes"]


def lean(proof: nodes.Element) -> None:
    """Set the word that a proof begins with in italics, as LaTeX does."""
    first = next(iter(proof.findall(nodes.Text)), None)
    if first is not None and first.startswith(WORD):
        place = first.parent.index(first)
        rest = nodes.Text(first.removeprefix(WORD))
        first.parent[place : place + 1] = [nodes.emphasis(WORD, WORD), rest]
