"""The named layers: `NAME` runs `NAMECell` over a sequence."""

from slim_keras import cells
from slim_keras.layer import SlimLayer


class LSTM(SlimLayer, cell=cells.LSTMCell):
    pass


class LSTM1(SlimLayer, cell=cells.LSTM1Cell):
    pass


class LSTM2(SlimLayer, cell=cells.LSTM2Cell):
    pass


class LSTM3(SlimLayer, cell=cells.LSTM3Cell):
    pass


class LSTM4(SlimLayer, cell=cells.LSTM4Cell):
    pass


class LSTM4a(SlimLayer, cell=cells.LSTM4aCell):
    pass


class LSTM5(SlimLayer, cell=cells.LSTM5Cell):
    pass


class LSTM5a(SlimLayer, cell=cells.LSTM5aCell):
    pass


class LSTM6(SlimLayer, cell=cells.LSTM6Cell):
    pass


class LSTM10(SlimLayer, cell=cells.LSTM10Cell):
    pass


class LSTM11(SlimLayer, cell=cells.LSTM11Cell):
    pass


class LSTM_C6(SlimLayer, cell=cells.LSTM_C6Cell):
    pass


class IndyLSTM(SlimLayer, cell=cells.IndyLSTMCell):
    pass


class IndRNN(SlimLayer, cell=cells.IndRNNCell):
    pass
