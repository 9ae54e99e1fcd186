"""A task of two questions for lm-eval, and a server of completions that it can ask, for a find's script.

The scripts beside this file import it; lm-eval is run with the Python that runs them.
"""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_TASK = """task: tiny
dataset_path: json
dataset_kwargs: {data_files: FOLDER/questions.jsonl}
test_split: train
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["END"], max_gen_toks: 8}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""


@contextmanager
def completions(answer):
    """The base_url of a server that completes a prompt by `answer(prompt)`, and the list of prompts that it gets."""
    prompts = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))["prompt"]
            several = said if isinstance(said, list) else [said]
            prompts.extend(several)
            choices = [
                {"index": number, "text": answer(prompt), "finish_reason": "stop"}
                for number, prompt in enumerate(several)
            ]
            body = json.dumps({"choices": choices}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/completions", prompts
    finally:
        server.shutdown()


def write_task(folder, questions):
    """The task "tiny" in the folder, with pairs of a question and its answer."""
    Path(folder, "tiny.yaml").write_text(_TASK.replace("FOLDER", str(folder)))
    rows = [json.dumps({"question": question, "answer": answer}) for question, answer in questions]
    Path(folder, "questions.jsonl").write_text("".join(row + "\n" for row in rows))


def evaluate(folder, url, model, *more):
    """The score of a model at an address, from 0 to 1."""
    asked = f"model={model},base_url={url},tokenizer_backend=none,tokenized_requests=False,max_retries=1"
    command = [Path(sys.executable).with_name("lm_eval"), "run", "--model", "local-completions"]
    command += ["--model_args", asked, "--tasks", "tiny", "--include_path", folder, *more]
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HOME": str(folder),
    }
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder, check=True
    )
    row = next(line for line in done.stdout.splitlines() if "exact_match" in line)
    return float(row.split("|")[7])
