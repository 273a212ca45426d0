"""Reads what a script's own instruments write: TensorBoard, MLflow, wandb and matplotlib.

    the working directory --search--> files --framing--> records --tensorboard, wandb, mlflow--> scalars
                                                                                    |
    the attempt's series and result <-- capture --------------------------------- naming

None of those libraries is imported, here or while a script is started. What a
file holds is a stranger's word: truncated, broken, endless and hostile files
cost a note and nothing else.
"""
