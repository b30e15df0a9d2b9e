"""The browser app of a predictor (docs/app.md); only its pages need gradio.

``open_app`` checks and starts; ``settings`` has what a user chooses; ``site`` is the server;
``page`` joins the tabs ``photograph`` and ``batch``; the other files know nothing of gradio.
"""
