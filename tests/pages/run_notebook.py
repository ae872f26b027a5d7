"""Run a notebook as a reader does: all its cells in order, in its own folder.

``python run_notebook.py NOTEBOOK`` prints, as JSON, where the package came from and how long it
took. It is run by the Python of the environment to try, and imports nothing of the project.
"""

import json
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

WHERE = "import json, os, sys, mssl\nprint(json.dumps([mssl.__file__, os.getcwd(), *sys.path]))"


def run(path: Path) -> dict[str, object]:
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells.append(nbformat.v4.new_code_cell(WHERE))
    start = time.perf_counter()
    client = NotebookClient(notebook, timeout=3600, startup_timeout=600, kernel_name="python3")
    client.execute(cwd=str(path.parent))
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    file, folder, *searched = json.loads(outputs.pop()["text"])
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "outputs": len(outputs),
        "stderr": [output.text for output in outputs if output.get("name") == "stderr"],
        "package": file,
        "folder": folder,
        "searched": searched,
    }


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]).resolve())))
