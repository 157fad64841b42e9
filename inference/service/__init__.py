"""The HTTP service for programs: faces and what models say of them, as JSON.

`server` serves the `app`, in one process or several (`workers`), with the page of `inference.demo`
beside it. A request passes `access` (API keys), `sent_pictures` (from a body to pictures) and the
`pipeline`: a bounded queue, threads that decode and find faces, and `batches` that classify the
faces of all requests together. What is answered is the `schema`, what is refused an error of
`errors`, what is counted the `metrics`. `reloading` changes the models while requests run.
"""
