"""Scripts with libraries that take long to import; their results must be those of a fresh interpreter."""

from tests.unit.agents.warm.scripts.script import script

HEAVY = {
    "pandas": script("""
        import pandas as pd
        df = pd.DataFrame({'a': [1, 2, 3], 'b': list('xyz')})
        print(df.describe(), df)
        df['c']"""),
    "numpy": script("""
        import numpy as np
        r = np.random.default_rng(3)
        print(r.random(3), np.linalg.svd(np.eye(3))[1])
        print(np.float64(1) / np.float64(0))
        print(np.get_printoptions())"""),
}

HEAVIER = {
    "scikit-learn": script("""
        from sklearn.datasets import make_classification
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        x, y = make_classification(400, random_state=1)
        print(RandomForestClassifier(20, n_jobs=2, random_state=1).fit(x, y).score(x, y))
        print(LogisticRegression().fit(x, y).coef_.round(9))"""),
    "pyarrow": script("""
        try:
            import pyarrow as pa, pyarrow.compute as pc, pyarrow.parquet as pq
        except ImportError:
            raise SystemExit("it is not installed")
        t = pa.table({'a': list(range(100_000)), 'b': ['x', 'y'] * 50_000})
        pq.write_table(t, 'a.parquet')
        print(pq.read_table('a.parquet').group_by('b').aggregate([('a', 'sum')]).to_pydict())
        for _ in range(50):
            t = pc.filter(t, pc.less(t['a'], 90_000))
        print(pc.sum(t['a']).as_py(), len(t))"""),
    "torch": script("""
        import torch
        torch.manual_seed(1)
        m = torch.nn.Linear(8, 1)
        o = torch.optim.Adam(m.parameters())
        x = torch.randn(64, 8)
        for _ in range(20):
            o.zero_grad()
            l = (m(x) ** 2).mean()
            l.backward()
            o.step()
        print(l.item(), torch.get_num_threads(), m)"""),
    "torch with processes": script("""
        import torch
        from torch.utils.data import DataLoader, TensorDataset
        d = TensorDataset(torch.arange(8.0))
        if __name__ == '__main__':
            print([b[0].tolist() for b in DataLoader(d, 4, num_workers=2)])"""),
    "matplotlib": script("""
        import os
        import matplotlib
        matplotlib.use('Agg')
        import matplotlib.pyplot as plt
        plt.plot([1, 2])
        plt.savefig('a.png')
        print(os.path.getsize('a.png'), matplotlib.get_backend())"""),
}
